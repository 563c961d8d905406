"""Kinds of research, by which people say who may ask: what a purpose (GA4GH DUO) is for, in five plain kinds."""

from enum import StrEnum

from consent.domain.data_use import DataUse


class ResearchKind(StrEnum):
    """What a study is about, or whom it serves. A study can be of several kinds."""

    ANY = "any"
    """Any research, whatever it will be (GRU)."""
    HEALTH = "health"
    """Health and disease (HMB, DS)."""
    ORIGINS = "origins"
    """Where people's families come from (POA)."""
    METHODS = "methods"
    """New research methods."""
    PROFIT = "profit"
    """Research that is to make money."""


def kinds_of(purpose: DataUse) -> frozenset[ResearchKind]:
    """Return all that the purpose of a study is for; a purpose that names nothing is for any research."""
    found = {
        ResearchKind.ANY: purpose.general_use,
        ResearchKind.HEALTH: purpose.health_research or bool(purpose.diseases),
        ResearchKind.ORIGINS: purpose.ancestry,
        ResearchKind.METHODS: purpose.methods,
    }
    named = frozenset(kind for kind, holds in found.items() if holds) or frozenset({ResearchKind.ANY})
    return named | {ResearchKind.PROFIT} if purpose.non_profit_only is False else named
