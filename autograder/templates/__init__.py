"""The pages that students read, as nbconvert templates; safe whatever a student wrote."""
