"""Whatever happens in whatever order: history replays, the dead stay dead, and only patients' keys grant."""

# ruff: noqa: D102  # a rule's name is its sentence

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from consent.domain.errors import LedgerRejectedError
from consent.domain.history import EMPTY_HISTORY, Granted, Revoked, fold
from consent.domain.typed_data import Address, word
from tests.chains import DAY, RegistryStage
from tests.wallets import Wallet

commitments = st.integers(min_value=0, max_value=2).map(word)
people = st.integers(min_value=0, max_value=1)


class RegistryMachine(RuleBasedStateMachine):
    """Two patients, three commitments each, a custodian, and a relayer who replays what it saw."""

    @initialize()
    def deploy(self) -> None:
        self.stage = RegistryStage()
        self.wallets = (self.stage.patient, Wallet.draw())
        self.signed: set[tuple[Address, bytes]] = set()
        self.dead: dict[tuple[Address, bytes], int] = {}

    def _end(self, person: int, commitment: bytes) -> None:
        self.dead.setdefault((self.wallets[person].address, commitment), self.stage.evm.head().time)

    @rule(person=people, commitment=commitments)
    def publish(self, person: int, commitment: bytes) -> None:
        signed = self.stage.signed(commitment, by=self.wallets[person])
        self.stage.grant(signed, signed)
        self.signed.add((signed.patient, commitment))

    @rule(person=people, commitment=commitments)
    def forge(self, person: int, commitment: bytes) -> None:
        forged = self.stage.signed(commitment, by=self.stage.stranger)
        try:
            self.stage.grant(replace(forged, patient=self.wallets[person].address))
        except LedgerRejectedError:
            return
        raise AssertionError("a forged grant was taken")

    @rule(person=people, commitment=commitments)
    def revoke_signed(self, person: int, commitment: bytes) -> None:
        self.stage.revoke_signed(self.wallets[person].revocation(self.stage.domain, commitment))
        self._end(person, commitment)

    @rule(commitment=commitments)
    def revoke(self, commitment: bytes) -> None:
        self.stage.send(self.stage.patient, "revoke", [commitment])
        self._end(0, commitment)

    @rule(person=people, commitment=commitments)
    def stop(self, person: int, commitment: bytes) -> None:
        self.stage.stop(self.stage.custodian, (self.wallets[person].address, commitment))
        self._end(person, commitment)

    @rule(seconds=st.integers(min_value=1, max_value=DAY))
    def wait(self, seconds: int) -> None:
        self.stage.now = max(self.stage.now, self.stage.evm.head().time) + seconds

    @invariant()
    def history_is_the_fold_of_all_events(self) -> None:
        assert self.stage.ask("history") == fold(EMPTY_HISTORY, self.stage.events())

    @invariant()
    def every_grant_was_signed_by_its_patient(self) -> None:
        granted = {(e.patient, e.commitment) for e in self.stage.events() if isinstance(e, Granted)}
        assert granted == self.signed

    @invariant()
    def each_end_is_announced_once_and_keeps_its_time(self) -> None:
        ended = [(e.patient, e.commitment) for e in self.stage.events() if isinstance(e, Revoked)]
        assert len(ended) == len(set(ended)) == len(self.dead)
        for (patient, commitment), time in self.dead.items():
            assert self.stage.revoked_at(patient, commitment) == time


TestRegistryInvariants = RegistryMachine.TestCase
TestRegistryInvariants.settings = settings(deadline=None, max_examples=12, stateful_step_count=15)
