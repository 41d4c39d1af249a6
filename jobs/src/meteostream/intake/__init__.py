"""Rain as observers report it: a form for phones, and a hook for an SMS gateway."""
