"""Handlers of lost connections: do they catch what a loss raises, and does what follows bring the connection back?"""
