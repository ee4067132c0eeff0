"""Attachments: the files on tickets and comments, from their announcement until they are gone."""
