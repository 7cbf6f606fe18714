"""The office around purchases: budgets, approvals and spending."""
