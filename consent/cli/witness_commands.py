"""The commands about what others vouch for: co-signers, certificates, and what an auditor saw of the chain."""

from pathlib import Path
from typing import Annotated

import typer

from consent.cli.app import Home, app

State = Annotated[Path, typer.Argument(dir_okay=False, help="The signer's file; keep it to yourself.")]
PassphraseFile = Annotated[
    Path | None, typer.Option(dir_okay=False, help="File whose first line seals the signer's key.")
]
witness = typer.Typer(
    help="Co-sign checkpoints, on a machine of your own; needs no installation.", no_args_is_help=True
)
app.add_typer(witness, name="witness")


@witness.command()
def init(
    state: State,
    name: Annotated[str, typer.Option(help="The signer's name, as auditors list it.")],
    group: Annotated[str, typer.Option(help="Whose quorum it counts for, such as hospitals or patients.")],
    log_key: Annotated[str, typer.Option(help="The log's public key, 64 hex digits.")],
    origin: Annotated[str, typer.Option(help="The log's name, as its checkpoints begin.")],
    passphrase_file: PassphraseFile = None,
) -> None:
    """Draw a signer's key into a new file, and print what auditors put into their policies."""
    from consent.cli.witnessing import init as run

    run(state, name, group, (origin, log_key), passphrase_file)


@witness.command()
def sign(
    state: State,
    checkpoint: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The log's signed note.")],
    anchor: Annotated[str, typer.Option(help="CHAIN:ADDRESS of the log's anchor.")],
    consistency: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="The proof from what was signed last.")
    ] = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Sign a checkpoint that continues the last one, and print the cosignature; exit 6 when it does not continue it."""
    from consent.cli.witnessing import sign as run

    run(state, checkpoint, anchor, consistency, passphrase_file)


@app.command()
def certify(
    home: Home,
    policy: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The auditor's policy, TOML.")],
    cosignatures: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="What signers handed in.")],
) -> None:
    """Make a certificate of signers' cosignatures, verified, and keep it for the bundles."""
    from consent.cli.witnessing import certify as run

    run(home, policy, cosignatures)


@app.command(name="chain-view")
def chain_view(
    home: Annotated[Path | None, typer.Argument(help="The installation's folder; without it, name a node.")] = None,
    rpc: Annotated[str, typer.Option(envvar="CONSENTRY_RPC", help="URL of a node of your own.")] = "",
    deployment: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Your copy of deployment.json.")
    ] = None,
    confirmations: Annotated[
        int | None, typer.Option(min=0, help="Blocks that final ones lie behind, where the node calls none finalized.")
    ] = None,
) -> None:
    """Print what the chain says as of its newest final block, for an auditor's policy; needs no key."""
    from consent.cli.witnessing import chain_view as run

    run(home, rpc, deployment, confirmations)
