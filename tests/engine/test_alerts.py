"""The words of rules, and which of them raised alerts."""

from engine.alerts import Alert, Rule, rule_named, rules_of


def test_every_rule_has_words_for_a_person_and_one_for_files() -> None:
    labels = [rule.label for rule in Rule]
    assert len(set(labels)) == len(Rule)
    assert "_" not in "".join(labels)
    assert all(rule_named(str(rule)) is rule for rule in Rule)


def test_a_rule_of_another_version_is_none() -> None:
    assert rule_named("boredom") is None
    assert rule_named("") is None


def test_the_rules_of_alerts_are_in_the_order_of_their_first_without_notes() -> None:
    alerts = [
        Alert(1, "disk full"),
        Alert(2, "", Rule.PLATEAU),
        Alert(3, "", Rule.COLLAPSE),
        Alert(4, "", Rule.PLATEAU),
    ]
    assert rules_of(alerts) == (Rule.PLATEAU, Rule.COLLAPSE)
