"""Words: how texts of many scripts are divided and compared, and where their words stand."""

# ruff: noqa: RUF001 - letters that look alike are what it is about

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ticketing.words import Word, plain, words_of

# The parts of Unicode where analysis is more than lower case, and what is broken text.
SCRIPTS = (
    "aA1_-. +#\u00df\u0130\u0131\u00d8\u00e9e\u0301\u0308\u200b\u200d\ufe0f\u00ad\ufb01\u2026\u00bd\u00b2"
    "\u2460\uff21\uff11\u0419\u0438\u0306\u0451\u03a3\u03c2\u03ac\u1fb3\u05d0\u05b8\u05f4\u0623\u0627\u0654"
    "\u064e\u0640\u0665\u0915\u093e\u0958\u0e19\u0e49\u0e33\u63a5\u30d7\u30fc\uff8a\uff9e\uff9f\u3099\u337f"
    "\u1100\u1161\u11a8\uac00\uffa1\uffc2\u3131\u314f\U0001f525\U0001f3fd\U0001f1e9\x00\ud800\udfff\uffff"
    "\u0f71\u0f72\u09c7\u09be"
)
ODD = st.text(st.sampled_from(SCRIPTS)) | st.text() | st.text(st.characters(categories=["M", "L", "Cf", "Cs"]))


def texts(text: str) -> list[str]:
    return [word.text for word in words_of(text)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("VPN drops, again!", "vpn drops again"),
        ("foo_bar e-mail@x.org user's", "foo bar e mail x org user s"),
        ("C++ C# F# g++ notepad++.exe", "c ++ c # f # g ++ notepad ++ exe"),
        ("#12 # Title foo#bar a+b ++ 1+1", "12 title foo bar a b 1 1"),
        ("iPhone15 KB5034441 UTF-8 utf8 SHA256", "iphone 15 kb 5034441 utf 8 utf 8 sha 256"),
        ("0x80070005 3com 10GB 019c1f0e", "0x80070005 3com 10gb 019c1f0e"),
        ("v1.2.3 10:30 10.0.0.1", "v 1 2 3 10 30 10 0 0 1"),
        (r"C:\Windows\System32 http://x.org/a?b=c", "c windows system 32 http x org a b c"),
        ("Straße ẞ Ängström Łódź ØRSTED Đà Nẵng æon þorn", "strasse ss angstrom lodz orsted da nang aeon thorn"),
        ("İSTANBUL ISPARTA ısı iyi", "istanbul isparta isi iyi"),
        ("ﬁle ＷＩＤＥ ｗｉｄｅ x² № ™", "file wide wide x 2 no tm"),
        ("Ёлка йод иод Київ п'ять пʼять п’ять", "елка йод иод київ п ять п ять п ять"),
        ("ΣΊΓΜΑ σίγμα ΟΔΥΣΣΕΎΣ Ἀθῆναι ᾳ", "σιγμα σιγμα οδυσσευσ αθηναι αι"),
        ('שָׁלוֹם שלום צה״ל צה"ל', "שלום שלום צה ל צה ל"),
        ("مُحَمَّد محمـــد أحمد احمد مدرسة ١٢٣ کتابی", "محمد محمد احمد احمد مدرسه 123 كتابي"),
        ("हिन्दी क़लम", "हिन्दी क़लम"),
        ("프린터가 고장", "프린터가 고장"),
        ("接続エラー Windowsの設定", "接 続 エ ラ ー windows の 設 定"),
        ("ﾊﾟｿｺﾝ パソコン", "パ ソ コ ン パ ソ コ ン"),
        ("㍿", "株 式 会 社"),
        ("น้ำ ไม่", "น้ํ า ไ ม่"),
        ("第3回", "第 3 回"),
        ("🔥 👍🏽 👩‍💻 1️⃣", "🔥 👍 👩 💻 1"),
        ("soft\u00adhyphen zero\u200bwidth \ufeffbom", "softhyphen zerowidth bom"),
        ("a\x00b\ud800c\ue000d\uffff", "a b c d"),
        ("-- * … ┌─┐ € \u0301 \u093e", ""),
    ],
)
@pytest.mark.each
def test_words(text: str, words: str) -> None:
    assert texts(text) == unicodedata.normalize("NFKC", words).split()


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("Die Straße!", ["Die", "Straße"]),
        ("e\u0301te\u0301 Cafe\u0301s", ["e\u0301te\u0301", "Cafe\u0301s"]),
        ("o\ufb03ce … x²", ["o\ufb03ce", "x", "²"]),
        ("x\u0302\u0303y z", ["x\u0302\u0303y", "z"]),
        ("\u200bsoft\u00adhyphen\u00ad \u200b", ["soft\u00adhyphen\u00ad"]),
        ("接\u200b続 ﾊﾟ", ["接\u200b", "続", "ﾊﾟ"]),
        ("\u1100\u1161\u11a8\u1100 x", ["\u1100\u1161\u11a8\u1100", "x"]),
        ("a㍿b", ["a", "㍿", "㍿", "㍿", "㍿", "b"]),
        ("👍🏽 1️⃣", ["👍🏽", "1️⃣"]),
        ("C++, İs", ["C", "++", "İs"]),
    ],
)
@pytest.mark.each
def test_places(text: str, places: list[str]) -> None:
    assert [text[word.start : word.end] for word in words_of(text)] == places


def test_a_long_run_is_divided() -> None:
    assert texts("a" * 130) == ["a" * 64, "a" * 64, "aa"]
    assert texts("1" * 65) == ["1" * 64, "1"]


@pytest.mark.parametrize(
    ("tag", "same"), [("Needs  Review", "needs review"), ("Büro", "buro"), ("ＶＰＮ", "vpn"), (" C++ ", "c++")]
)
def test_tags_are_compared_as_a_whole(tag: str, same: str) -> None:
    assert plain(tag) == same
    assert plain(same) == same


@given(ODD)
@example("㍿ \ufb03 x\u0302")
def test_every_place_holds_its_word(text: str) -> None:
    for word in words_of(text):
        assert 0 <= word.start < word.end <= len(text)
        assert word.text in plain(text[word.start : word.end])


@given(ODD)
def test_places_are_in_order(text: str) -> None:
    found = words_of(text)
    assert [word.start for word in found] == sorted(word.start for word in found)
    assert [word.end for word in found] == sorted(word.end for word in found)


@given(ODD)
def test_composition_and_width_make_no_difference(text: str) -> None:
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert texts(unicodedata.normalize(form, text)) == texts(text)


@given(ODD)
def test_a_word_is_its_own_form(text: str) -> None:
    for word in texts(text):
        # An invisible character may have kept two from composing, and a sign stands after another word.
        if unicodedata.is_normalized("NFKC", word) and word[0] not in "+#":
            assert texts(word) == [word]


@given(ODD, ODD)
def test_what_follows_a_space_changes_nothing(text: str, other: str) -> None:
    assert texts(f"{text} {other}") == texts(text) + texts(other)


@given(st.text("aB\u00e91-.", min_size=1, max_size=200), st.data())
def test_a_beginning_of_a_text_is_divided_alike(text: str, data: st.DataObject) -> None:
    """So whoever writes the beginning finds the rest."""
    beginning = texts(text[: data.draw(st.integers(0, len(text)))])
    whole = texts(text)[: len(beginning)]
    assert whole[:-1] == beginning[:-1]
    assert not beginning or whole[-1].startswith(beginning[-1])


@given(st.text("abc \u00e9\u63a5", max_size=40))
def test_case_makes_no_difference(text: str) -> None:
    assert words_of(text.upper()) == words_of(text)


def test_a_word_knows_its_place() -> None:
    assert words_of("Über VPN") == [Word("uber", 0, 4), Word("vpn", 5, 8)]
