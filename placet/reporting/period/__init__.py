"""The summary of a period: what was asked, who decided, how fast, and what was out of the rule."""
