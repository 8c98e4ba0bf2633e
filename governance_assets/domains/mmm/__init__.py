"""Media-mix models: does the model still predict, and agree with itself?"""
