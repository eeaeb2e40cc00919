"""The life of model versions: trained, tried in the shadow, promoted, rolled back, removed."""
