"""The pages, thin: they ask `queries`, draw with `charts` and `markup`, and hold no logic."""
