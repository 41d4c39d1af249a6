"""What tests of a running platform share: the inventory's machines, playbook runs as data, SQL, load.

Nothing here imports the package `meteostream`: tests judge its results by their own arithmetic.
"""
