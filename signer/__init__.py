"""Who may fetch what, and until when."""
