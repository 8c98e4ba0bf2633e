"""Issues: what is broken, who is late?"""
