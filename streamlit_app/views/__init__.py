"""The pages, thin: they ask `queries`, draw with `charts` and `markup`, and hold no logic.

The folder is not called `pages`: Streamlit serves a folder of that name page by page, without the
frame of `app.py`, to whoever comes first with a deep link after a start.
"""
