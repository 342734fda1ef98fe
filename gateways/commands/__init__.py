"""One module per command of ``gateways``. Each has two functions, and is imported only when its command is given:

``add_arguments(parser: argparse.ArgumentParser) -> None``
    Declares the flags and arguments, and may set ``parser.usage`` and ``parser.epilog``.

``run(arguments: argparse.Namespace) -> int``
    Does the work and returns the exit status. A ``GatewayError`` becomes one line on stderr and its ``exit_code``.

``explain_flag(flag: str) -> str``, where there is one
    Completes "it is ..." for a flag that the command does not have: one of another program; or returns "".
"""
