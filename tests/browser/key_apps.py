"""Apps with keys in a browser, as EIP-6963 announces them: they sign for real, and do as a test tells them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from eth_account import Account
from eth_account.messages import encode_typed_data
from playwright.sync_api import BrowserContext

HIGH_S: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""The order of secp256k1: a signature's s may be this less s, with the other parity."""
_ANNOUNCE: Final = """
(({ uuid, name, icon }) => {
  const listeners = {};
  const provider = {
    async request(asked) {
      const { result, code } = JSON.parse(await globalThis["ask-" + uuid](JSON.stringify(asked)));
      if (code) throw Object.assign(new Error("<b>no</b>"), { code });
      return result;
    },
    on(event, told) { (listeners[event] ??= []).push(told); },
  };
  const tell = () => dispatchEvent(new CustomEvent("eip6963:announceProvider", {
    detail: Object.freeze({ info: Object.freeze({ uuid, name, icon, rdns: "example.app" }), provider }),
  }));
  addEventListener("eip6963:requestProvider", tell);
  globalThis["switch-" + uuid] = () => (listeners.accountsChanged ?? []).forEach((told) => told([]));
  tell();
})
"""


class SaysNoError(Exception):
    """What the app answers with an error's code (EIP-1193)."""

    def __init__(self, code: int) -> None:
        super().__init__(str(code))
        self.code = code


@dataclass(slots=True)
class KeyApp:
    """An app and its settings; `asked` are the methods that a page called, in their order.

    Attributes:
        key: what signs.
        chain_id: the network that it is on.
        knows: the network that it can be switched to, None for none.
        shown: the account that it names where that is not its own.
        refuses: whether its person says no to each signature.
        high: whether its signatures have a high s.
        signs_with: the key that signs where that is another one.
    """

    chain_id: int
    key: Any = field(default_factory=Account.create)
    uuid: str = "one"
    name: str = "Test App"
    icon: str = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>"
    knows: int | None = None
    shown: str = ""
    refuses: bool = False
    high: bool = False
    signs_with: Any = None
    asked: list[str] = field(default_factory=list)
    signed: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def address(self) -> str:
        """The account that it names."""
        return self.shown or str(self.key.address)

    def put_into(self, context: BrowserContext) -> "KeyApp":
        """Let a browser have it from the next page on."""
        info = json.dumps({"uuid": self.uuid, "name": self.name, "icon": self.icon})
        context.expose_function(f"ask-{self.uuid}", lambda asked: self._answer(asked))  # noqa: PLW0108  # Playwright marks functions
        context.add_init_script(f"{_ANNOUNCE}({info})")
        return self

    def _answer(self, asked: str) -> str:
        request = json.loads(asked)
        self.asked.append(request["method"])
        try:
            return json.dumps({"result": self._done(request["method"], request.get("params") or [])})
        except SaysNoError as error:
            return json.dumps({"code": error.code})

    def _done(self, method: str, params: list[Any]) -> Any:
        if method in ("eth_requestAccounts", "eth_accounts"):
            return [self.address]
        if method == "eth_chainId":
            return hex(self.chain_id)
        if method == "wallet_switchEthereumChain":
            return self._switched(int(params[0]["chainId"], 16))
        assert method == "eth_signTypedData_v4"
        return self._signature(json.loads(params[1]))

    def _switched(self, chain_id: int) -> None:
        if self.knows != chain_id:
            raise SaysNoError(4902)
        self.chain_id = chain_id

    def _signature(self, typed: Mapping[str, Any]) -> str:
        if self.refuses:
            raise SaysNoError(4001)
        self.signed.append(typed)
        signed = (self.signs_with or self.key).sign_message(encode_typed_data(full_message=dict(typed)))
        s, v = (HIGH_S - signed.s, 55 - signed.v) if self.high else (signed.s, signed.v)
        return f"0x{signed.r:064x}{s:064x}{v:02x}"
