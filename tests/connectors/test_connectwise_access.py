"""The way in: sign-in, code base, pages, and what refusals are told as."""

import asyncio
import base64
from datetime import date

import httpx
import pytest

from reconcile_app.connectors.connectwise import ConnectWise
from reconcile_app.connectors.connectwise.lists import following
from reconcile_app.core.errors import AnswerUnreadable, ConnectionFailed, SideUnreadable, SignInFailed
from tests.fakes.connectwise_world import KEYS, SITE, ConnectWiseWorld, always, connection, context, error, on, reply


def make(world: ConnectWiseWorld, **values: str) -> ConnectWise:
    return ConnectWise(connection(**values), context()[0], client=world.client)


def many(count: int) -> ConnectWiseWorld:
    world = ConnectWiseWorld()
    world.catalog = [{"id": number + 1, "identifier": f"P{number}", "inactiveFlag": False} for number in range(count)]
    return world


async def test_every_request_carries_the_sign_in_the_client_id_and_the_pinned_model():
    world = ConnectWiseWorld()
    await make(world).services()
    headers = world.requests[0].headers
    pair = f"acme_training+{KEYS['public_key']}:{KEYS['private_key']}"
    assert headers["Authorization"] == f"Basic {base64.b64encode(pair.encode()).decode()}"
    assert headers["clientId"] == KEYS["client_id"]
    assert headers["Accept"] == "application/vnd.connectwise.com+json; version=2026.4"
    assert str(world.requests[0].url).startswith(f"{SITE}/v4_6_release/apis/3.0/procurement/catalog?")


async def test_discovery_is_asked_without_the_keys():
    world = ConnectWiseWorld()
    await make(world).tenant()
    assert [request.url.path for request in world.requests] == ["/login/companyinfo/acme_training"]
    assert not {"authorization", "clientid"} & set(world.requests[0].headers)


# Pages


@pytest.mark.parametrize(("count", "calls"), [(0, 1), (999, 1), (1000, 1), (1001, 2 + 1), (2500, 3 + 1)])
async def test_lists_are_read_by_cursor(count, calls):
    world = many(count)
    assert len((await make(world).services()).frame) == count
    assert world.calls == calls  # A list of several pages is counted, too.
    pages = world.asked("/catalog")
    assert all(request.headers["pagination-type"] == "forward-only" for request in pages)
    assert {request.url.params["pageSize"] for request in pages} == {"1000"}


@pytest.mark.parametrize(("count", "calls"), [(0, 1), (999, 1), (1001, 2 + 1), (2500, 3 + 1)])
async def test_lists_are_read_page_by_page_where_the_connection_says_so(count, calls):
    world = many(count)
    assert len((await make(world, paging="navigable").services()).frame) == count
    assert world.calls == calls
    assert {request.url.params["orderBy"] for request in world.asked("/catalog")} == {"id asc"}
    assert not any("pagination-type" in request.headers for request in world.requests)


@pytest.mark.parametrize("count", [999, 1000, 2500])
async def test_a_server_that_knows_no_cursors_is_paged_by_number(count):
    world = many(count)
    world.by_cursor = False
    assert len((await make(world).services()).frame) == count


async def test_a_lost_link_header_loses_no_rows():
    world = many(2500)

    def without(request: httpx.Request) -> httpx.Response:
        answer = world._answer(request)
        answer.headers.pop("Link", None)
        return answer

    world.faults.append(without)
    world.by_cursor = False
    assert len((await make(world).services()).frame) == 2500
    world.requests.clear()
    assert len((await make(world, paging="navigable").services()).frame) == 2500
    assert len(world.asked("/catalog")) == 3


async def test_a_page_that_is_left_out_is_noticed_by_counting():
    world = many(2500)
    world.hidden = 1
    with pytest.raises(AnswerUnreadable, match="2501 rows in all; 2500 came over 3 pages"):
        await make(world).services()


async def test_an_object_that_says_the_same_thing_twice_is_refused():
    world = many(1)
    text = '[{"id":1,"identifier":"A","price":1,"price":2}]'
    world.faults.append(on("/procurement", httpx.Response(200, text=text, headers={"Content-Type": "application/json"})))
    with pytest.raises(AnswerUnreadable, match="price stands there twice"):
        await make(world).services()


async def test_every_page_carries_every_condition():
    world = ConnectWiseWorld()
    world.page_limit = 2
    for id_ in range(2000, 2005):
        world.agreement(id_, 305)
    fetched = await make(world).contracts(["305"], date(2026, 11, 26))
    pages = world.asked("/finance/agreements")
    assert len(fetched.frame) == 6
    assert [request.url.params.get("pageId") for request in pages] == [None, "2000", "2002"]
    assert len({(request.url.params["conditions"], request.url.params["fields"]) for request in pages}) == 1


@pytest.mark.parametrize(
    "address",
    [
        "https://elsewhere.example/v4_6_release/apis/3.0/procurement/catalog?pageId=5",
        "http://127.0.0.1:8201/v4_6_release/apis/3.0/procurement/catalog?pageId=5",
        "//elsewhere.example/x?pageId=5",
        "http://user@127.0.0.1:8200/x?pageId=5",
        "file:///etc/passwd?pageId=5",
    ],
)
async def test_a_next_page_elsewhere_is_refused_before_anything_is_sent(address):
    world = many(5)
    page = reply(world.catalog)
    page.headers["Link"] = f'<{address}>; rel="next"'
    world.faults.append(on("/procurement/catalog", page))
    with pytest.raises(ConnectionFailed, match="refused"):
        await make(world).services()
    assert world.calls == 1


async def test_a_next_page_under_another_code_base_of_the_same_site_is_followed():
    world = many(3)
    page = reply(world.catalog[:2])
    page.headers["Link"] = f'<{SITE}/v2026_4/apis/3.0//procurement/catalog?pageid=2>; rel="next"'
    world.faults.append(on("/procurement/catalog", page))
    assert len((await make(world).services()).frame) == 3
    assert world.requests[1].url.path == "/v4_6_release/apis/3.0/procurement/catalog"


@pytest.mark.parametrize("paging", ["forward-only", "navigable"])
async def test_a_list_without_an_end_is_given_up(paging):
    world = many(2)

    def again(request: httpx.Request) -> httpx.Response:
        answer = reply(world.catalog)
        answer.headers["Link"] = f'<{SITE}/x?pageId=2&page=2>; rel="next"'
        return answer

    world.faults.append(again)
    with pytest.raises(AnswerUnreadable, match="does not end"):
        await make(world, paging=paging).services()
    assert world.calls <= 4


async def test_a_next_page_without_a_position_is_refused():
    world = many(2)
    page = reply(world.catalog)
    page.headers["Link"] = f'<{SITE}/x?pageId=abc>; rel="next"'
    world.faults.append(on("/procurement/catalog", page))
    with pytest.raises(AnswerUnreadable, match="not named by pageId"):
        await make(world).services()


async def test_a_list_that_changes_while_it_is_read_is_read_again_once():
    world = many(3)
    world.page_limit = 2
    changed = reply([{**world.catalog[1], "price": 9}, world.catalog[2]])
    changed.headers["Link"] = ""
    world.faults.append(on("pageId=2", changed))
    assert len((await make(world).services()).frame) == 3
    world.faults.append(on("pageId=2", changed, changed))
    with pytest.raises(AnswerUnreadable, match="changed while it was read"):
        await make(world).services()


@pytest.mark.parametrize(
    ("header", "told", "url"),
    [
        (None, False, ""),
        ("", True, ""),
        ('<https://a/x?page=2>; rel="next", <https://a/x?page=4>; rel="last"', True, "https://a/x?page=2"),
        ('<https://a/x?page=4>; rel="last",<https://a/x?a=1,2&page=2>;rel=next', True, "https://a/x?a=1,2&page=2"),
        ('<https://a/x?page=1>; title="next"; rel="prev"', True, ""),
        ("garbage", True, ""),
    ],
)
def test_what_a_link_header_says(header, told, url):
    assert (following(header).told, following(header).url) == (told, url)


# The code base


async def test_a_tenant_that_moved_to_another_code_base_is_found_again():
    world = many(3)
    world.router, world.codebase = False, "v2026_5"
    world.info["Codebase"] = "v2026_5/"
    psa = make(world, base_url=f"{SITE}/v2026_4")
    assert len((await psa.services()).frame) == 3
    assert [request.url.path.split("/")[1] for request in world.requests] == ["v2026_4", "login", "v2026_5"]
    assert psa.calls == 3
    await psa.services()
    assert world.calls == 4
    await psa.aclose()


async def test_requests_side_by_side_look_for_the_code_base_once():
    world = many(3)
    world.router, world.codebase = False, "v2026_5"
    world.info["Codebase"] = "v2026_5/"
    psa = make(world, base_url=f"{SITE}/v2026_4")
    await asyncio.gather(psa.services(), psa.companies(None))
    assert len(world.asked("/acme_training")) == 1


@pytest.mark.parametrize("codebase", ["v2026_4/", "../../elsewhere", "", None])
async def test_discovery_that_names_nothing_new_changes_nothing(codebase):
    world = ConnectWiseWorld()
    world.info["Codebase"] = codebase
    world.faults.append(always("/apis/3.0", lambda: httpx.Response(404, text="")))
    with pytest.raises(ConnectionFailed):
        await make(world, base_url=f"{SITE}/v2026_4").services()
    assert world.calls == 2


async def test_discovery_that_fails_leaves_the_first_refusal_standing():
    world = ConnectWiseWorld()
    world.faults += [always("/apis/3.0", lambda: httpx.Response(404, text="")), on("/login/", *[httpx.ConnectError("refused")] * 9)]
    with pytest.raises(ConnectionFailed, match="status 404"):
        await make(world).services()
    world.faults[1] = always("/login/", lambda: reply(None))
    with pytest.raises(SignInFailed, match="does not know the company"):
        await make(world).services()


async def test_a_page_of_discovery_that_is_none_tells_nothing():
    world = ConnectWiseWorld()
    world.faults.append(always("/login/", lambda: httpx.Response(200, html="<html></html>")))
    assert (await make(world).tenant()).label == "ConnectWise acme_training at 127.0.0.1:8200"


async def test_an_address_that_leads_nowhere_is_asked_about_once():
    world = ConnectWiseWorld()
    world.faults.append(always("/apis/3.0", lambda: httpx.Response(404, html="<html></html>")))
    psa = make(world)
    for calls in (3, 4):
        with pytest.raises(ConnectionFailed) as caught:
            await psa.services()
        assert "three things" in caught.value.next_step
        assert world.calls == calls


async def test_an_unknown_route_of_the_right_code_base_moves_nothing():
    world = ConnectWiseWorld()
    world.faults.append(on("/procurement", error(404, "ConnectWiseApi", "The endpoint does not exist.")))
    with pytest.raises(SideUnreadable, match="endpoint does not exist"):
        await make(world).services()
    assert world.calls == 1


async def test_a_record_that_is_missing_is_no_reason_to_look_for_the_code_base():
    world = ConnectWiseWorld()
    world.faults.append(on("/procurement", error(404, "NotFound", "Catalog not found")))
    with pytest.raises(SideUnreadable, match="Catalog not found"):
        await make(world).services()
    assert world.calls == 1


# Refusals


@pytest.mark.parametrize(
    ("answer", "type_", "words"),
    [
        (error(401, "Unauthorized", "Incorrect public/private key"), SignInFailed, "private key"),
        (error(403, "ConnectWiseApi", "UserNotAuthenticated"), SignInFailed, "public key"),
        (httpx.Response(401, text=""), SignInFailed, "private key"),
        (httpx.Response(403, text="clientId header is required"), SignInFailed, "client ID"),
        (error(400, "X", "The clientId is not registered."), SignInFailed, "client ID"),
        (httpx.Response(403, text=""), SignInFailed, "client ID"),
        (httpx.Response(400, text="Cannot route. Codebase/company is invalid"), ConnectionFailed, "three things"),
        (error(400, "ApiFindCondition", "productt/id is not a recognized name."), ConnectionFailed, "not a recognized name"),
    ],
)
async def test_refusals_are_told_by_their_cause(answer, type_, words):
    world = ConnectWiseWorld()
    world.faults.append(on("/procurement", answer))
    with pytest.raises(type_) as caught:
        await make(world).services()
    assert words in f"{caught.value} {caught.value.next_step}"
    assert world.calls == 1


async def test_no_refusal_quotes_the_keys():
    world = ConnectWiseWorld()
    pair = f"acme_training+{KEYS['public_key']}:{KEYS['private_key']}"
    told = f"bad {pair} {base64.b64encode(pair.encode()).decode()} {KEYS['client_id']}"
    world.faults.append(always("/apis/", lambda: error(400, "InvalidObject", told)))
    with pytest.raises(ConnectionFailed) as caught:
        await make(world).services()
    words = f"{caught.value} {caught.value.details}"
    assert not any(key in words for key in (*KEYS.values(), base64.b64encode(pair.encode()).decode()))


async def test_a_request_for_a_pause_is_kept():
    world = many(3)
    given, _, clock = context()
    told = {"error": "ConnectWiseAPI", "message": "Try again in 30 seconds"}
    pause = httpx.Response(429, json=told, headers={"Retry-After": "30"})
    world.faults.append(on("/procurement", pause))
    assert len((await ConnectWise(connection(), given, client=world.client).services()).frame) == 3
    assert sum(clock.waits) == pytest.approx(30.0, abs=0.1)


async def test_a_request_for_a_pause_that_names_none_is_half_a_minute_too():
    world = many(3)
    given, _, clock = context()
    world.faults.append(on("/procurement", httpx.Response(429, html="<h1>You are being rate limited</h1>")))
    assert len((await ConnectWise(connection(), given, client=world.client).services()).frame) == 3
    assert 30.0 <= sum(clock.waits) <= 35.1
