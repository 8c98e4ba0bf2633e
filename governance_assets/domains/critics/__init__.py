"""Critics: would a sceptic accept it?"""
