"""The Notification Service: who is told what happened to a ticket, live, by mail and by webhook."""
