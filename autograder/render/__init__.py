"""Turn reports into what people and programs read: JSON, Markdown comments, terminal tables."""
