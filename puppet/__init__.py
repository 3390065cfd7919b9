"""Appear in a video call as a portrait that moves with you.

camera → tracker → pose → directions → synthesis → compositor → sinks: one module for each word, one thread for each
resource; puppet.cli puts them together.
"""
