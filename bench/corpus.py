"""Made-up tickets that read like real ones to an index: four languages, some 650 bytes of text each, always the same.

Words are as frequent as in real texts: the 1,000 most frequent ones of a language are 72 % of all, and 5,000 are 87 %
(as in the Brown corpus). Tens of thousands are used by hardly anybody, and hosts and error codes come once.
"""

import random
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final
from uuid import UUID

from ticketing.search.documents import Document

_BYTES: Final = 650
"""Of title, description, comments and names of files together, in UTF-8; on average."""

_COMMON: Final = {
    "en": """the to and is not a of in on it for this with since we when my after can you have no be that please from
        error printer network password login screen email account laptop update server connection access window file
        install user office morning restart slow request page message team browser phone system new open crash drops
        vpn monitor keyboard meeting calendar folder permission disk backup certificate license battery cable outage
        invoice customer report deadline export import attachment signature shared mailbox phishing reset token""",
    "de": """die der und ist nicht ein das in auf es für mit seit wir wenn mein nach kann sie haben kein sein dass bitte
        Fehler Drucker Netzwerk Passwort Anmeldung Bildschirm Konto Rechner Aktualisierung Server Verbindung Zugriff
        Fenster Datei Benutzer Büro Morgen Neustart langsam Anfrage Seite Nachricht Netzwerkdrucker Benutzerkonto
        Druckertreiber Passwortänderung Datensicherung Zertifikat Lizenz Akku Kabel Ausfall Rechnung Kunde Bericht
        Frist Anhang Unterschrift Postfach Störung Berechtigung Laufwerk Tastatur Besprechung Kalender Ordner""",
    "fr": """le la les et est ne pas un de dans sur il pour avec depuis nous quand mon après peut vous avez aucun être
        erreur imprimante réseau écran compte ordinateur mise serveur connexion accès fenêtre fichier utilisateur bureau
        matin redémarrage lent demande page message équipe navigateur téléphone système nouveau ouvrir réunion dossier
        certificat licence batterie câble panne facture client rapport échéance pièce signature boîte partagée""",
    "ja": """ネットワーク 接続 が 切れる プリンタ 印刷 できない エラー メール 送信 パスワード ログイン 画面 更新
        サーバー 再起動 して ください 今朝 から 何度も 確認 お願いします ファイル 共有 フォルダ 権限 会議 カレンダー
        遅い 動かない 証明書 期限 請求書 顧客 報告 添付 部署 電話 端末 新しい 設定 変更 後 に なりました です
        ます は を の で と も""",
}

_ENDINGS: Final = {
    "en": ["", "s", "ed", "ing", "er"],
    "de": ["", "en", "er", "ung", "keit"],
    "fr": ["", "s", "er", "tion", "ment"],
}

_SYLLABLES: Final = [consonant + vowel for consonant in (*"bdfgklmnprstv", "st", "tr", "br", "pl") for vowel in "aeiou"]

_TAGS: Final = ["vpn", "printer", "network", "billing", "Büro", "hardware", "onboarding", "mail", "security"]

_RARE: Final = 30_000
"""How many rare words a language has."""

_PEOPLE: Final = 500


def tickets(count: int, first: int = 1, seed: int = 1) -> Iterator[Document]:
    """Yield so many tickets, numbered from the first on."""
    chance = random.Random(seed)  # noqa: S311 - made up
    writers = {language: _Writer(language, seed) for language in _ENDINGS}
    for number in range(first, first + count):
        yield _ticket(number, chance, writers)


class _Writer:
    """Writes in one language of words and spaces."""

    def __init__(self, language: str, seed: int) -> None:
        chance = random.Random(f"{language}{seed}")  # noqa: S311 - made up
        common = _COMMON[language].split()
        rare = {
            "".join(chance.choices(_SYLLABLES, k=chance.randint(2, 5))) + chance.choice(_ENDINGS[language])
            for _ in range(_RARE)
        }
        self._words = [*common, *sorted(rare)]
        # Zipf's law, as Mandelbrot fitted it.
        self._weights = list(accumulate((rank + 2.7) ** -1.1 for rank in range(1, len(self._words) + 1)))

    def words(self, chance: random.Random, count: int) -> list[str]:
        return chance.choices(self._words, cum_weights=self._weights, k=count)


def _ticket(number: int, chance: random.Random, writers: dict[str, _Writer]) -> Document:
    language = chance.choices(["en", "de", "fr", "ja"], weights=[60, 20, 10, 10])[0]
    created = 1_700_000_000_000 + number * 60_000 + chance.randrange(60_000)
    updated = created + int(chance.expovariate(1 / 86_400_000))
    status = chance.choices(["NEW", "OPEN", "IN_PROGRESS", "RESOLVED", "CLOSED"], weights=[5, 10, 10, 15, 60])[0]
    description, *comments = _texts(language, chance, writers)
    files = (f"screenshot-{chance.randrange(10_000)}.png",) if chance.random() < 0.2 else ()
    internal = (comments.pop(),) if comments and chance.random() < 0.3 else ()
    return Document(
        ticket_id=str(UUID(int=(created << 80) | (7 << 76) | chance.getrandbits(76))),
        number=number,
        status=status,
        priority=chance.choices(["LOW", "MEDIUM", "HIGH", "CRITICAL"], weights=[20, 60, 15, 5])[0],
        type=chance.choices(["INCIDENT", "SERVICE_REQUEST", "QUESTION"], weights=[60, 30, 10])[0],
        tags=tuple(chance.sample(_TAGS, k=chance.choice([0, 1, 1, 2]))),
        assignee_id=None if chance.random() < 0.2 else _person(chance.randrange(40)),
        reporter_id=_person(chance.randrange(_PEOPLE)),
        created_at=created,
        updated_at=updated,
        resolved_at=updated if status in {"RESOLVED", "CLOSED"} else None,
        title=_sentence(language, chance, writers, 6),
        texts=(description, *comments, *files),
        internal=internal,
        has_file=bool(files),
        has_internal_file=False,
    )


def _texts(language: str, chance: random.Random, writers: dict[str, _Writer]) -> Sequence[str]:
    """Return a description, and none to three comments."""
    left = chance.lognormvariate(0, 0.5) * (_BYTES - 160) / 1.13  # the mean of that distribution is 1.13
    written: list[str] = []
    parts = chance.randint(1, 4)
    for _ in range(parts):
        sentences: list[str] = []
        size = 0
        while size < left / parts:
            sentences.append(_sentence(language, chance, writers, chance.randint(5, 14)))
            size += len(sentences[-1].encode()) + 2
        written.append(" ".join(sentences) or "OK.")
    return written


def _sentence(language: str, chance: random.Random, writers: dict[str, _Writer], length: int) -> str:
    if language == "ja":
        return "".join(chance.choices(_COMMON["ja"].split(), k=length)) + "。"
    words = writers[language].words(chance, length)
    if chance.random() < 0.1:
        words.append(chance.choice([f"srv-{chance.randrange(3000)}", f"0x{chance.getrandbits(32):08x}", "v2.4.1"]))
    return f"{' '.join(words)}.".capitalize()


def _person(number: int) -> str:
    return str(UUID(int=(1 << 120) + number))
