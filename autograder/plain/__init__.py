"""Assignments of plain nbgrader: graded by their own test cells, in the sandbox, by its rules.

Tests run in the sandbox beside the student's code here, which can forge what they say if it means
to; nothing else of what the sandbox keeps apart is weaker.
"""
