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
