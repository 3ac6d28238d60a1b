# Starts a program that prints for ever, whose output is collected.
!yes
