"""Connections kept across a wait."""
