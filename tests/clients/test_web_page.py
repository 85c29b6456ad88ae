"""The page at `/`: it loads, shows what is there, and takes an upload, on a desk and on a phone."""

import os
from pathlib import Path

import photos
import pytest
import requests
from selenium import webdriver
from selenium.webdriver.common.by import By
from waiting import until

SCREENS = {"desktop": (1280, 900, False), "phone": (390, 844, True)}


def test_the_page_loads_without_a_script_from_elsewhere(serve):
    server = serve()
    answer = server.get("/")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "<title>" in answer.text
    assert 'type="file"' in answer.text or "type=file" in answer.text
    # It must work on a machine without a network.
    for elsewhere in ('src="http', "src='http", 'href="http', "@import", "//cdn"):
        assert elsewhere not in answer.text
    assert server.get("/no/such/page").status_code == 404


FOREIGN = {
    "origin": {"Origin": "https://evil.example"},
    "no-origin-known": {"Origin": "null"},
    "rebound-name": {"Host": "evil.example"},
    "cross-site": {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1.evil.example"},
}


@pytest.mark.parametrize("name", FOREIGN)
def test_another_site_cannot_upload_through_a_visitors_browser(serve, processed, name):
    """The page needs no login on loopback; a foreign page's request must not profit from that."""
    server = serve()

    def upload(key, headers):
        url = f"{server.web_url}/api/v1/objects/{key}"
        headers = {"x-minilab-upload": "1", **headers}
        return requests.put(url, data=photos.jpeg(20, 20), headers=headers, timeout=30).status_code

    assert 400 <= upload("evil.jpg", FOREIGN[name]) < 500
    # Without this header a browser would send a foreign page's request unasked.
    assert 400 <= upload("evil.jpg", {"x-minilab-upload": None}) < 500
    # The page's own request differs in nothing else.
    assert 200 <= upload("good.jpg", {"Origin": server.web_url}) < 300
    processed(server, "good.jpg")
    assert [o["Key"] for o in server.s3().list_objects_v2(Bucket="photos")["Contents"]] == ["good.jpg"]


@pytest.mark.parametrize("path", ["/infoimages", "/images/a.jpg", "/downloadimages/a.jpg", "/"])
def test_a_rebound_name_cannot_read(serve, processed, path):
    """A foreign name that resolves to 127.0.0.1 makes a browser read us for another site."""
    server = serve()
    server.s3().put_object(Bucket="photos", Key="a.jpg", Body=photos.jpeg(20, 20))
    processed(server, "a.jpg")
    assert server.get(path).status_code == 200
    assert 400 <= server.get(path, headers={"Host": "evil.example"}).status_code < 500


@pytest.fixture(params=SCREENS)
def browser(request, tmp_path):
    """Headless Chromium with an empty profile, at the size of a desk's or a phone's screen."""
    width, height, mobile = SCREENS[request.param]
    options = webdriver.ChromeOptions()
    options.binary_location = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    for flag in (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={tmp_path / 'profile'}",
        f"--window-size={width},{height}",
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(os.environ.get("CHROMEDRIVER", "/usr/bin/chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    driver.screen = request.param
    yield driver
    driver.quit()


def saved(driver, name):
    folder = os.environ.get("MINILAB_TEST_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        driver.save_screenshot(str(Path(folder) / f"{name}-{driver.screen}.png"))


SHOWN = """
return [...document.querySelectorAll('img')]
  .filter(i => i.complete && i.naturalWidth > 0 && i.getClientRects().length > 0
               && !i.currentSrc.startsWith('data:'))
  .map(i => i.currentSrc);
"""
TOO_WIDE = "return document.documentElement.scrollWidth > window.innerWidth + 1"


def complaints(driver):
    return [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]


def chosen(driver, *paths):
    """Picks files in the page's own file picker."""
    picker = driver.find_element(By.CSS_SELECTOR, "input[type=file]")
    picker.send_keys("\n".join(str(path) for path in paths))


@pytest.mark.browser
@pytest.mark.parametrize("example", [None, "thumbnail"], ids=["no-configuration", "thumbnail"])
def test_an_upload_by_the_file_picker_becomes_a_thumbnail(serve, browser, work, example):
    server = serve(example)
    photo = work / "a photo & more.jpg"
    photo.write_bytes(photos.jpeg(1200, 800))
    browser.get(server.web_url + "/")
    saved(browser, f"{example or 'default'}-empty")
    assert browser.execute_script(SHOWN) == []
    chosen(browser, photo)
    until(lambda: browser.execute_script(SHOWN), "a thumbnail to appear")
    until(lambda: server.statistics()["count"] == 1, "the upload to be counted")
    saved(browser, f"{example or 'default'}-uploaded")
    assert not browser.execute_script(TOO_WIDE), "the page scrolls sideways"
    assert complaints(browser) == []


@pytest.mark.browser
def test_photos_from_other_clients_appear_while_the_page_is_open(serve, browser):
    server = serve()
    browser.get(server.web_url + "/")
    for number in range(5):
        server.s3().put_object(Bucket="photos", Key=f"folder/{number}.jpg", Body=photos.jpeg(600, 400 + 50 * number))
    until(lambda: len(browser.execute_script(SHOWN)) >= 5, "five thumbnails")
    saved(browser, "arriving")
    server.s3().delete_object(Bucket="photos", Key="folder/0.jpg")
    browser.refresh()
    until(lambda: len(browser.execute_script(SHOWN)) == 4, "four thumbnails after a deletion")
    assert not browser.execute_script(TOO_WIDE), "the page scrolls sideways"
    assert complaints(browser) == []


@pytest.mark.browser
def test_a_bad_file_is_told_on_the_page(serve, browser, work):
    server = serve()
    bad = work / "bad-one.jpg"
    bad.write_bytes(b"this is no image")
    browser.get(server.web_url + "/")
    chosen(browser, bad)

    def told():
        text = browser.find_element(By.TAG_NAME, "body").text.lower()
        return "bad-one.jpg" in text and ("fail" in text or "not an image" in text or "could not" in text)

    until(told, "the page to say that bad-one.jpg failed")
    saved(browser, "bad-file")


@pytest.mark.browser
def test_a_name_is_text_never_markup(serve, browser):
    server = serve()
    evil = '<img src=x onerror="window.harmed=1">.jpg'
    server.s3().put_object(Bucket="photos", Key=evil, Body=photos.jpeg(300, 200))
    browser.get(server.web_url + "/")
    until(lambda: browser.execute_script(SHOWN), "the thumbnail")
    assert browser.execute_script("return window.harmed") is None


LEDGER = """
[server]
buckets = ["photos", "prints"]
[[rules]]
name = "thumbnail"
bucket = "photos"
[[rules.variants]]
name = "thumb"
bucket = "prints"
key = "{stem}.jpg"
steps = [{ resize = { width = 64, height = 64 } }]
format = "jpeg"
[[notifications]]
on = ["image.processed", "image.failed"]
log = true
"""

OTHER_RULE = """
[[rules]]
name = "later"
bucket = "others"
[[rules.variants]]
name = "thumb"
bucket = "gone"
key = "{stem}.jpg"
steps = [{ resize = { width = 64, height = 64 } }]
"""


def entries(browser, name):
    """The text of each row of a list, as it is shown."""
    # In one go, since rows come and go.
    return browser.execute_script(
        "const list = document.getElementById(arguments[0]);"
        "return list.hidden ? [] : [...list.children].map((row) => row.innerText)",
        name,
    )


def press(browser, selector):
    button = browser.find_element(By.CSS_SELECTOR, selector)
    # Into the middle, so that nothing covers it.
    browser.execute_script("arguments[0].scrollIntoView({ block: 'center' })", button)
    button.click()


@pytest.mark.browser
def test_what_failed_is_seen_and_tried_again(serve, browser):
    server = serve(config=LEDGER)
    s3 = server.s3()
    browser.get(server.web_url + "/")
    until(lambda: "Nothing failed" in browser.find_element(By.ID, "failed").text, "the empty list")
    assert not browser.find_element(By.ID, "failed-count").is_displayed()

    s3.put_object(Bucket="prints", Key="a.jpg", Body=b"somebody's own object")
    s3.put_object(Bucket="photos", Key="a.jpg", Body=photos.jpeg(200, 100))
    s3.put_object(Bucket="photos", Key="text.jpg", Body=b"this is no image")
    until(lambda: len(entries(browser, "dead")) == 2, "two dead letters")
    until(lambda: browser.find_element(By.ID, "failed-count").text == "2 failed", "the count")
    text = "\n".join(entries(browser, "dead"))
    for part in ("a.jpg", "Another object stands where a variant should go", "text.jpg", "The file is not an image", "1 attempt"):
        assert part in text, f"{part!r} is not in\n{text}"
    assert not browser.execute_script(TOO_WIDE), "the page scrolls sideways"
    press(browser, "#failed-count")
    saved(browser, "failed")

    s3.delete_object(Bucket="prints", Key="a.jpg")
    press(browser, "#dead > li:first-child .retry")
    until(lambda: [row.split("\n")[0] for row in entries(browser, "dead")] == ["text.jpg"], "one dead letter to be left")
    assert server.record("a.jpg")["state"] == "processed"

    # Forgetting takes two presses, and leaves the image.
    press(browser, "#dead .discard")
    until(lambda: "Really?" in browser.find_element(By.CSS_SELECTOR, "#dead .discard").text, "the question")
    assert len(entries(browser, "dead")) == 1
    press(browser, "#dead .discard")
    until(lambda: "Nothing failed" in browser.find_element(By.ID, "failed").text, "the empty list again")
    assert s3.head_object(Bucket="photos", Key="text.jpg")["ContentLength"] == 16
    assert complaints(browser) == []


@pytest.mark.browser
def test_what_waits_says_when_and_who_was_told_is_listed(serve, browser):
    server = serve(config=LEDGER.replace('"prints"]', '"prints", "gone", "others"]') + OTHER_RULE)
    s3 = server.s3()
    s3.delete_bucket(Bucket="gone")
    s3.put_object(Bucket="photos", Key="good.jpg", Body=photos.jpeg(200, 100))
    s3.put_object(Bucket="others", Key="later.jpg", Body=photos.jpeg(100, 100))
    until(lambda: (server.record("good.jpg") or {}).get("state") == "processed", "the good one")
    browser.get(server.web_url + "/")
    (row,) = until(lambda: entries(browser, "waiting"), "the job that waits")
    for part in ("later.jpg", "A bucket that a variant goes into does not exist", "next try"):
        assert part in row, f"{part!r} is not in\n{row}"
    (told,) = until(lambda: entries(browser, "deliveries"), "the notification")
    assert "good.jpg" in told and "developed" in told and "the log" in told
    assert not browser.execute_script(TOO_WIDE), "the page scrolls sideways"
    browser.execute_script("document.getElementById('failed').scrollIntoView()")
    saved(browser, "waiting")

    lines = server.log_path.read_text().count("image.processed")
    press(browser, "#deliveries .again")
    until(lambda: server.log_path.read_text().count("image.processed") > lines, "the log to be told again")
    s3.create_bucket(Bucket="gone")
    until(lambda: (server.record("later.jpg", "others") or {}).get("state") == "processed", "the retried one")
    until(lambda: entries(browser, "waiting") == [], "nothing to wait")
    assert complaints(browser) == []
