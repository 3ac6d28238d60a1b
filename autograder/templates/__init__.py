"""The pages that students read, as nbconvert templates, with what makes a student's content safe."""
