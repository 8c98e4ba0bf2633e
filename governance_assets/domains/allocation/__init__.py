"""Where the next unit of spend does most: how should the budget be split, and what would that bring?"""
