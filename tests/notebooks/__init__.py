"""Tests of notebooks: reading, blanking, checking, fixing."""
