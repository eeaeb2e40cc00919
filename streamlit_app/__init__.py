"""The dashboard: Streamlit pages over Postgres, and nothing but Postgres."""
