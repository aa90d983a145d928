"""The command that answers programs on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from penname.cli import arguments as given
from penname.cli.app import WithBase, app, model_meant, showing

Port = Annotated[int, typer.Option("--port", "-p", help="The port to listen at; 0: any that is free.")]
Host = Annotated[str, typer.Option(help="The address to listen at; any but this machine's own needs --token.")]
Token = Annotated[str, typer.Option(envvar="PENNAME_TOKEN", help="What clients must send as their API key.")]


@app.command(cls=WithBase)
def serve(
    workspace: given.WorkspaceFolder = None,
    model: given.ModelFolder = None,
    base: given.PlainBase = None,
    port: Port = 8642,
    host: Host = "127.0.0.1",
    token: Token = "",
    max_copy: given.MaxCopy = 12,
    example: given.Example = True,
    device: given.Device = "auto",
    precision: given.Precision = "auto",
) -> None:
    """Let other programs write with the model, as if it were OpenAI's."""
    from penname.serve.server import ServeOptions
    from penname.serve.server import serve as answer
    from penname.write.write import WriteOptions

    chosen: Path | None = model_meant(model, workspace, base) if base else model
    writing = WriteOptions(
        workspace=workspace,
        model=chosen,
        max_copy=max_copy,
        example=example,
        device=device,
        precision=precision,
    )
    with showing(moving=False):
        answer(ServeOptions(host, port, token), writing)
