"""The long projection judged: weekly origins, what was known then, what came."""
