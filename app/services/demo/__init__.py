"""A demo's people and its day, made through the services that everybody uses, so that every receipt verifies.

cast     who they are: fictional people and staff, with documents of counties that do not exist
house    the clinic, its departments, rooms and staff
history  two to four past visits for each person
day      one session running at any hour, eight people waiting, a free slot soon
walk     one press of the demo page that makes the doctor see those before you
"""
