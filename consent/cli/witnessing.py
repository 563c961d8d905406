"""`consentry witness …`, `consentry certify` and `consentry chain-view`."""

import sys
from pathlib import Path

import typer

from consent import wiring
from consent.ports import StoredCertificate
from consent.services.certifying import CertifyError, Certifying
from consent.settings import Settings
from consent.verifier.cosignature import Cosignature, CosignatureError, certificate_of
from consent.verifier.fields import parsed_json, read_file
from consent.verifier.policy import read_signers
from consent.verifier.witness_main import contract_of, drawn, log_of, signed

LARGEST_COSIGNATURE = 16 * 1024
"""In bytes; some seven hundred are one."""


def init(state: Path, name: str, group: str, log: tuple[str, str], passphrase_file: Path | None) -> None:
    """Draw a signer's key and print its registration; `log` is the log's origin and key."""
    sys.stdout.write(drawn(state, name, group, log_of(*log), passphrase_file))


def sign(state: Path, checkpoint: Path, anchor: str, consistency: Path | None, passphrase_file: Path | None) -> None:
    """Sign a checkpoint and print the cosignature."""
    sys.stdout.write(signed(state, checkpoint, contract_of(anchor), consistency, passphrase_file))


def certify(home: Path, policy: Path, files: list[Path]) -> None:
    """Make a certificate of cosignatures, verified against a policy, and keep it."""
    signers, contract, log = read_signers(policy)
    cosignatures = [_cosignature(file) for file in files]
    checkpoint = cosignatures[0].checkpoint
    if checkpoint.origin != log.origin:
        raise CertifyError("these are cosignatures of another log than the policy's: name the right policy")
    certificate = certificate_of(cosignatures, checkpoint, contract, signers)
    stored = StoredCertificate(checkpoint.size, certificate.registry_version, certificate.bitmap, certificate.signature)
    names = [signer.name for signer in signers.signers_of(certificate.bitmap)]
    with wiring.opened(Settings.read(home)) as installation:
        now = int(wiring.utc_now().timestamp())
        Certifying(installation.store, installation.log).keep(stored, checkpoint, names, now)
    typer.echo(f"The checkpoint of {checkpoint.size} entries is certified by {len(names)}.")


def chain_view(home: Path | None, rpc: str, deployment: Path | None, confirmations: int | None) -> None:
    """Print what the chain says as of its newest final block."""
    from consent.wiring.chain_views import chain_to_view, view_of_chain

    with chain_to_view(home, rpc, deployment, confirmations) as chain:
        sys.stdout.write(view_of_chain(chain).to_bytes().decode())


def _cosignature(file: Path) -> Cosignature:
    content = read_file(file, "a cosignature", CosignatureError, LARGEST_COSIGNATURE)
    return Cosignature.from_json(parsed_json(content, "a cosignature", CosignatureError))
