"""Whatever happens in whatever order, contract and twin agree on each outcome, its reason, the state and the events."""

# ruff: noqa: D102  # a rule's name is its sentence

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from consent.domain.grant import BATCH_LIMIT, PUBLISH_WITHIN_SECONDS, PublishedGrant, SignedRevocation
from consent.domain.held_role import ZERO, HeldRole
from consent.domain.history import EMPTY_HISTORY, Granted, Revoked, fold
from consent.domain.registry import DAY_SECONDS, HALF_ORDER, Registry
from consent.domain.typed_data import Address, SigningDomain, word
from consent.signatures import recover
from tests.chains import CHAIN_ID, RegistryStage, grant_fields, refusal
from tests.wallets import Wallet

HOUR: Final = 3600
MISTAKES: Final = ("key", "zero", "high s", "bit", "chain", "contract", "commitment", "kind")


@dataclass(frozen=True, slots=True)
class Draft:
    """What one item of a batch is to be: whose, of what, for how long, and what is wrong with it, if anything is.

    `lasts` and `waits` are seconds from now to the grant's `expires` and `publish_by`.
    """

    person: int
    commitment: bytes
    lasts: int = 30 * DAY_SECONDS
    waits: int = DAY_SECONDS
    mistake: str = ""


people = st.integers(0, 2)
senders = st.integers(0, 3)
commitments = st.integers(0, 3).map(word)
mistakes = st.sampled_from(("",) * 12 + MISTAKES)
long_enough = st.sampled_from((30 * DAY_SECONDS,) * 12 + (HOUR, 2, 1, 0, -DAY_SECONDS))
soon_enough = st.sampled_from(
    (DAY_SECONDS,) * 12 + (PUBLISH_WITHIN_SECONDS,) * 3 + (PUBLISH_WITHIN_SECONDS + 1, HOUR, 2, 1, 0, -DAY_SECONDS)
)
drafts = st.builds(Draft, people, commitments, long_enough, soon_enough, mistakes)
batches = st.lists(drafts, min_size=1, max_size=4)
places = st.lists(st.integers(0, 10**6), min_size=1, max_size=4)
jumps = st.one_of(
    st.sampled_from((HOUR, DAY_SECONDS, PUBLISH_WITHIN_SECONDS, 31 * DAY_SECONDS)), st.integers(1, 90_000)
)


class RegistryAndTwin(RuleBasedStateMachine):
    """Three patients with four commitments, a custodian, relayers, and strangers who replay all that they saw."""

    @initialize()
    def deploy(self) -> None:
        self.stage = stage = RegistryStage()
        self.twin = Registry(stage.domain, HeldRole("registry", "custodian", stage.custodian.address), recover)
        self.senders = (stage.patient, stage.stranger, stage.custodian, stage.deployer)
        self.people = (stage.patient, stage.stranger, Wallet.draw())
        self.grants: list[PublishedGrant] = []
        self.revocations: list[SignedRevocation] = []
        self.willed: set[tuple[Address, bytes]] = set()
        self.numbers = 1_000
        self.days: set[int] = set()

    # ------------------------------------------------------------------------------------------------------- grants

    @rule(batch=batches)
    def publish(self, batch: list[Draft]) -> None:
        self._grant([self._signed_grant(draft) for draft in batch])

    @rule(draft=drafts)
    def publish_one(self, draft: Draft) -> None:
        grant = self._signed_grant(draft)
        self._agree(1, "grant_one", (grant_fields(grant),), lambda block, time: self.twin.grant_one(grant, block, time))

    @rule(indices=places)
    def publish_again(self, indices: list[int]) -> None:
        self._grant([self.grants[index % len(self.grants)] for index in indices if self.grants])

    @rule(batch=st.lists(st.builds(Draft, people, commitments), min_size=2, max_size=4))
    def a_stranger_publishes_first(self, batch: list[Draft]) -> None:
        grants = [self._signed_grant(draft) for draft in batch]
        self._grant(grants[-1:])
        self._grant(grants)

    @rule(sender=senders, commitment=commitments, lasts=long_enough)
    def grant_own(self, sender: int, commitment: bytes, lasts: int) -> None:
        patient, expires = self.senders[sender].address, self._next_time() + lasts
        self.willed.add((patient, commitment))
        self._agree(
            sender,
            "grant_own",
            (commitment, expires),
            lambda block, time: self.twin.grant_own(patient, commitment, expires, block, time),
        )

    def _grant(self, grants: list[PublishedGrant]) -> None:
        fields = [grant_fields(grant) for grant in grants]
        self._agree(1, "grant", (fields,), lambda block, time: self.twin.grant(grants, block, time))

    def _signed_grant(self, draft: Draft) -> PublishedGrant:
        wallet, domain = self.people[draft.person], self._domain(draft)
        expires, publish_by = self._next_time() + draft.lasts, self._next_time() + draft.waits
        signed = wallet.grant(domain, expires, publish_by, draft.commitment)
        if not draft.mistake:
            self.willed.add((signed.patient, signed.commitment))
        signer = Wallet.draw() if draft.mistake == "key" else wallet
        other = wallet.revocation(domain, draft.commitment).signature
        grant = replace(
            signed,
            commitment=word(77) if draft.mistake == "commitment" else signed.commitment,
            patient=ZERO if draft.mistake == "zero" else signed.patient,
            signature=_spoilt(draft, other if draft.mistake == "kind" else signer.sign(signed.digest(domain))),
        )
        self.grants.append(grant)
        return grant

    # ---------------------------------------------------------------------------------------------------------- ends

    @rule(sender=senders, ended=st.lists(commitments, max_size=3))
    def revoke(self, sender: int, ended: list[bytes]) -> None:
        patient = self.senders[sender].address
        self._agree(sender, "revoke", (ended,), lambda block, time: self.twin.revoke(patient, ended, block, time))

    @rule(batch=batches)
    def revoke_signed(self, batch: list[Draft]) -> None:
        self._revoke_signed([self._signed_revocation(draft) for draft in batch])

    @rule(indices=places)
    def revoke_again(self, indices: list[int]) -> None:
        self._revoke_signed([self.revocations[index % len(self.revocations)] for index in indices if self.revocations])

    @rule(batch=st.lists(st.builds(Draft, people, commitments), min_size=2, max_size=4))
    def a_stranger_revokes_an_item_of_a_batch_first(self, batch: list[Draft]) -> None:
        revocations = [self._signed_revocation(draft) for draft in batch]
        self._revoke_signed(revocations[-1:])
        self._revoke_signed(revocations)

    @rule(sender=st.sampled_from((2, 2, 2, 0, 1)), pairs=st.lists(st.tuples(people, commitments), max_size=3))
    def stop(self, sender: int, pairs: list[tuple[int, bytes]]) -> None:
        self._stop(sender, [self.people[person].address for person, _ in pairs], [ended for _, ended in pairs])

    @rule(patients=st.integers(0, 2), ended=st.integers(0, 2), zero=st.booleans())
    def stop_lists_that_do_not_fit(self, patients: int, ended: int, *, zero: bool) -> None:
        person = ZERO if zero else self.stage.patient.address
        self._stop(2, [person] * patients, [word(number) for number in range(ended)])

    @rule(count=st.sampled_from((BATCH_LIMIT - 1, BATCH_LIMIT, BATCH_LIMIT, BATCH_LIMIT + 1)))
    def stop_many(self, count: int) -> None:
        self.numbers += count
        fresh = [word(number) for number in range(self.numbers - count, self.numbers)]
        self._stop(2, [self.stage.patient.address] * count, fresh)

    def _stop(self, sender: int, patients: list[Address], ended: list[bytes]) -> None:
        who = self.senders[sender].address
        self.days.add(self._next_time() // DAY_SECONDS)
        self._agree(
            sender, "stop", (patients, ended), lambda block, time: self.twin.stop(who, patients, ended, block, time)
        )

    def _revoke_signed(self, items: list[SignedRevocation]) -> None:
        fields = [(r.commitment, r.patient, r.signature[:32], r.signature[32:]) for r in items]
        self._agree(1, "revoke_signed", (fields,), lambda block, time: self.twin.revoke_signed(items, block, time))

    def _signed_revocation(self, draft: Draft) -> SignedRevocation:
        wallet, domain = self.people[draft.person], self._domain(draft)
        signed = wallet.revocation(domain, draft.commitment)
        signer = Wallet.draw() if draft.mistake == "key" else wallet
        other = wallet.grant(domain, self.stage.now + HOUR, self.stage.now + HOUR, draft.commitment).signature
        revocation = SignedRevocation(
            word(77) if draft.mistake == "commitment" else signed.commitment,
            ZERO if draft.mistake == "zero" else signed.patient,
            _spoilt(draft, other if draft.mistake == "kind" else signer.sign(signed.digest(domain))),
        )
        self.revocations.append(revocation)
        return revocation

    # --------------------------------------------------------------------------------------------- roles and the clock

    @rule(sender=st.sampled_from((2, 2, 1)), proposed=st.integers(0, 4))
    def propose_custodian(self, sender: int, proposed: int) -> None:
        who, address = self.senders[sender].address, (*(each.address for each in self.senders), ZERO)[proposed]
        self._agree(sender, "propose_custodian", (address,), lambda *_: self.twin.propose_custodian(who, address))

    @rule(sender=senders)
    def accept_custodian(self, sender: int) -> None:
        who = self.senders[sender].address
        self._agree(sender, "accept_custodian", (), lambda *_: self.twin.accept_custodian(who))

    @rule(sender=st.sampled_from((2, 1)), named=st.integers(0, 2))
    def name_successor(self, sender: int, named: int) -> None:
        who, address = self.senders[sender].address, (ZERO, self.stage.contract, self.people[2].address)[named]
        self._agree(sender, "name_successor", (address,), lambda *_: self.twin.name_successor(who, address))

    @rule(seconds=jumps)
    def wait(self, seconds: int) -> None:
        self.stage.now = max(self.stage.now, self.stage.evm.head().time) + seconds

    # ---------------------------------------------------------------------------------------------------- what holds

    @invariant()
    def roles_and_history_agree(self) -> None:
        ask, twin = self.stage.ask, self.twin
        assert ask("history") == twin.history
        assert ask("custodian") == word(twin.custodian.holder)
        assert ask("pending_custodian") == word(twin.custodian.proposed)
        assert ask("successor") == word(twin.successor)

    def teardown(self) -> None:
        """Hold what must be true of all events together, then let the chain go."""
        if not hasattr(self, "twin"):
            return
        events = self.stage.events()
        assert events == self.twin.events
        assert fold(EMPTY_HISTORY, events) == self.twin.history
        self._compare_ends()
        assert {(e.patient, e.commitment) for e in events if isinstance(e, Granted)} <= self.willed
        ended = [(e.patient, e.commitment) for e in events if isinstance(e, Revoked)]
        assert len(ended) == len(set(ended)) == len(self.twin.revoked_at)

    def _agree(
        self, sender: int, function: str, arguments: tuple[object, ...], twin: Callable[[int, int], None]
    ) -> None:
        """Do the same in both; an outcome is the reason of a refusal, or what was announced."""
        head, before = self.stage.evm.head(), len(self.twin.events)
        block, time = head.number + 1, self._next_time()
        expected = refusal(lambda: twin(block, time))
        assert refusal(lambda: self.stage.send(self.senders[sender], function, *arguments)) == expected
        if expected is None:
            announced = self.stage.events(block)
            assert announced == self.twin.events[before:]
            assert all(self._ended(event) == time for event in announced[:5] if isinstance(event, Revoked))
        else:
            assert self.stage.evm.head() == head
            assert len(self.twin.events) == before

    def _next_time(self) -> int:
        return max(self.stage.now, self.stage.evm.head().time + 1)

    def _ended(self, event: Revoked) -> int:
        return self.stage.revoked_at(event.patient, event.commitment)

    def _compare_ends(self) -> None:
        """Compare when each commitment ended, if it did, and how many stops each day saw."""
        pairs = {(person.address, commitment) for person in self.people for commitment in map(word, range(4))}
        for pair in pairs | set(list(self.twin.revoked_at)[-10:]):
            assert self.stage.revoked_at(*pair) == self.twin.revoked_at.get(pair, 0)
        for day in self.days:
            assert self.stage.ask("stops_on", day) == word(self.twin.stops_on.get(day, 0))

    def _domain(self, draft: Draft) -> SigningDomain:
        if draft.mistake == "chain":
            return SigningDomain(CHAIN_ID + 1, self.stage.contract)
        if draft.mistake == "contract":
            return SigningDomain(CHAIN_ID, self.stage.stranger.address)
        return self.stage.domain


def _spoilt(draft: Draft, signature: bytes) -> bytes:
    """Return a signature with the draft's mistake in it: one bit changed, or an s just above half the order."""
    if draft.mistake == "bit":
        return signature[:-1] + bytes([signature[-1] ^ 1])
    return signature[:32] + word(HALF_ORDER + 1) if draft.mistake == "high s" else signature


class RegistryAndTwinForLong(RegistryAndTwin):
    """The same, many times over."""


TestRegistryAndTwin = RegistryAndTwin.TestCase
TestRegistryAndTwin.settings = settings(deadline=None, max_examples=12, stateful_step_count=30)

TestRegistryAndTwinForLong = pytest.mark.soak(RegistryAndTwinForLong.TestCase)
TestRegistryAndTwinForLong.settings = settings(deadline=None, max_examples=400, stateful_step_count=50)
