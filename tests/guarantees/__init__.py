"""The twelve rules that always hold, and the tests that hold each of them.

A test names its rule with ``@pytest.mark.rule(number=7)``. ``docs/guarantees.md`` is made from
the rules in ``rules.py`` and those marks by ``python -m tests.guarantees``; ``test_manifest.py``
compares the two. ``pytest -m 'rule(number=7)'`` runs the tests of one rule.
"""
