"""Calendars: business hours in a time zone, with holidays, and the business time between two moments."""
