"""What a model's API is: parameters, rules, judge, error table, ledger, discovery, OpenAPI document.
May import: ``lifecycle`` and below.
"""
