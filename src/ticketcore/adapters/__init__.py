"""The adapters that come with ticketcore: each puts one outside thing behind one port."""
