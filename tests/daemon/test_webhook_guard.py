"""Ways into the network behind the daemon, each of which is closed."""

from ipaddress import ip_address, ip_network

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.daemon.webhook_guard import Address, Forbidden, Guard, Target, network_of

NOT_PUBLIC = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",  # noqa: S104 - judged, not bound
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "fe80::1",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "2001:db8::1",
    "2001::7f00:1",
    "2002:7f00:1::1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::a00:1",
    "100::1",
    "4000::1",
]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    guard = Guard()
    with pytest.raises(Forbidden, match="not public"):
        guard.check([ip_address(address)])
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(Forbidden, match="not public"):
        guard.target(f"https://{host}/hook")


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "8.8.8.8", "::ffff:8.8.8.8", "2606:4700:4700::1111"]
)
def test_a_public_address_is_allowed(address: str) -> None:
    Guard().check([ip_address(address)])


def test_one_address_that_is_not_public_among_others_is_enough() -> None:
    with pytest.raises(Forbidden):
        Guard().check([ip_address("8.8.8.8"), ip_address("10.0.0.1")])


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "017700000001",
        "127.1",
        "127.0.1",
        "127.0.0.1.",
        "127.0.0.0x1",
        "1.2.3.4.5",
        "example.0x1",
        "256.1.1.1",
        "[::1%25lo]",
        "[fe80::1%25eth0]",
        "-leading.example",
        "a..example",
        "exa_mple.com:0",
        "example.com:65536",
        "example.com:x",
        "[::1",
        "",
        "a" * 64 + ".example",
    ],
)
def test_a_host_that_is_neither_a_name_nor_an_address_is_refused(host: str) -> None:
    with pytest.raises(Forbidden, match="its host"):
        Guard().target(f"https://{host}/hook")


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1\\@example.com/",
        "https://example.com\\.evil.example/",
        "https://example.com /",
        "https://example.com/\r\nHost: inner",
        "https://example.com/\x00",
        "https://exämple.com/",
        "https://ⓔxample.com/",
        "https://example.com/" + "a" * 2048,
        "",
    ],
)
def test_characters_on_which_parsers_differ_are_refused(url: str) -> None:
    with pytest.raises(Forbidden, match="characters of ASCII"):
        Guard().target(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "//example.com/",
        "/hook",
        "example.com",
        "javascript:alert(1)",
    ],
)
def test_only_https_is_taken(url: str) -> None:
    with pytest.raises(Forbidden, match="https://"):
        Guard().target(url)


def test_http_is_taken_where_it_is_allowed() -> None:
    target = Guard(allow_http=True).target("http://Example.com")
    assert Target("http", "example.com", 80, "/") == target
    assert "example.com" == target.authority


@pytest.mark.parametrize("who", ["user@", "user:password@", ":@", "@"])
def test_a_user_or_a_password_is_refused_and_not_repeated(who: str) -> None:
    with pytest.raises(Forbidden, match="user or a password") as caught:
        Guard().target(f"https://{who}example.com/")
    assert "example" not in str(caught.value)


def test_a_target_is_made_of_the_parts_of_its_url() -> None:
    target = Guard().target("https://Hooks.Example.com:8443/a/b?token=x&y=1#part")
    assert Target("https", "hooks.example.com", 8443, "/a/b?token=x&y=1") == target
    assert "hooks.example.com:8443" == target.authority


def test_an_ipv6_address_stands_in_brackets_in_the_header() -> None:
    assert "[2606:4700::1]" == Guard().target("https://[2606:4700::1]/").authority


def test_a_network_may_be_allowed_though_it_is_not_public() -> None:
    guard = Guard(networks=(network_of("10.1.0.0/16"), network_of("::1/128")))
    guard.check([ip_address("10.1.2.3"), ip_address("::1")])
    guard.check([ip_address("::ffff:10.1.2.3")])
    with pytest.raises(Forbidden):
        guard.check([ip_address("10.2.0.1")])
    assert ip_network("10.1.0.0/16") == guard.networks[0]


def test_only_named_hosts_are_taken_where_there_are_some() -> None:
    guard = Guard(hosts=("*.Example.com", "other.example"))
    guard.target("https://hooks.example.com/")
    guard.target("https://OTHER.example./")
    for host in ("example.com", "evil.example", "example.com.evil.example", "8.8.8.8"):
        with pytest.raises(Forbidden, match=r"webhooks\.hosts"):
            guard.target(f"https://{host}/")


# -- what nobody has thought of

SCHEMES = st.sampled_from(["https://", "http://", "HTTPS://", "https:/", "https:", ""])
HOSTS = st.one_of(
    st.text("ab1.-_:@[]%/\\?# \t0x", max_size=12),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(lambda address: f"[{address}]"),
    st.ip_addresses(v=4).map(lambda address: str(int(address))),
    st.ip_addresses(v=4).map(lambda address: f"[::ffff:{address}]"),
)
RESTS = st.one_of(st.just(""), st.text(max_size=8).map(lambda text: f"/{text}"))


@given(SCHEMES, HOSTS, st.sampled_from(["", ":80", ":0", ":", ":99999"]), RESTS)
def test_a_url_that_is_taken_means_the_same_to_another_parser(
    scheme: str, host: str, port: str, rest: str
) -> None:
    url = scheme + host + port + rest
    try:
        target = Guard(allow_http=True).target(url)
    except Forbidden:
        return
    other = httpx.URL(url)
    assert (other.scheme, other.host) == (target.scheme, target.host)
    assert (other.port or {"https": 443, "http": 80}[other.scheme]) == target.port
    assert not other.userinfo


@given(st.ip_addresses())
def test_what_is_allowed_is_routed_in_public(address: Address) -> None:
    try:
        Guard().check([address])
    except Forbidden:
        return
    plain = getattr(address, "ipv4_mapped", None) or address
    assert plain.is_global
    assert not plain.is_multicast
    assert not plain.is_private
