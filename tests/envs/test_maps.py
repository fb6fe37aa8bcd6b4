"""Maps from images: exact ones come back exactly, painted and grey ones mean what they look like."""

import gymnasium
import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps

from territory.envs import TerritoryEnv, map_from_image, save_map
from territory.errors import BadInput
from territory.world.picture import TERRAIN_COLOURS

WATER, PLAINS, HIGHLAND, MOUNTAIN = range(4)


def stripes(*colours, side=32):
    """An image of upright stripes, one for each colour."""
    row = np.repeat(np.array(colours, np.uint8), side, axis=0)
    return np.broadcast_to(row, (side, *row.shape))


def read(*colours):
    """What each of some colours becomes, seen in one image."""
    return map_from_image(stripes(*colours))[0, ::32].tolist()


def test_a_saved_map_is_read_back_exactly_and_played(tmp_path):
    env = gymnasium.make("Territory-v0", height=64, width=96, num_bots=2).unwrapped
    env.reset(seed=3)
    terrain = env.world.map_of("terrain")[0]
    assert set(np.unique(terrain)) == {WATER, PLAINS, HIGHLAND, MOUNTAIN}
    save_map(terrain, tmp_path / "island.png")
    assert (map_from_image(tmp_path / "island.png") == terrain).all()
    again = gymnasium.make("Territory-v0", map=str(tmp_path / "island.png"), num_bots=2).unwrapped
    again.reset(seed=8)
    assert (again.world.map_of("terrain")[0] == terrain).all()
    envs = gymnasium.make_vec("Territory-v0", num_envs=2, map=tmp_path / "island.png", num_bots=2)
    envs.reset(seed=8)
    assert (envs.world.map_of("terrain") == terrain).all()


def test_a_saved_map_enlarged_keeps_its_tiles(tmp_path):
    terrain = np.arange(32 * 32, dtype=np.uint8).reshape(32, 32) % 4
    save_map(terrain, tmp_path / "small.png")
    large = map_from_image(tmp_path / "small.png", height=64, width=64)
    assert (large == terrain.repeat(2, axis=0).repeat(2, axis=1)).all()


def test_painted_colours_mean_what_they_look_like():
    blues = read((30, 60, 200), (170, 210, 250), (70, 130, 180), (60, 160, 60))[:3]
    greens = read((60, 160, 60), (34, 100, 34), (180, 220, 150), (100, 140, 60))
    browns = read((150, 100, 50), (210, 180, 120), (240, 220, 100), (190, 80, 40))
    greys = read((255, 255, 255), (128, 128, 128), (140, 130, 120), (60, 160, 60))[:3]
    assert (blues, greens, browns, greys) == ([WATER] * 3, [PLAINS] * 4, [HIGHLAND] * 4, [MOUNTAIN] * 3)


def test_a_grey_image_is_a_height_map():
    levels = (0, 63, 64, 143, 144, 199, 200, 255)
    heights = [WATER, WATER, PLAINS, PLAINS, HIGHLAND, HIGHLAND, MOUNTAIN, MOUNTAIN]
    assert read(*((level,) * 3 for level in levels)) == heights
    assert map_from_image(Image.new("L", (32, 32), 100)).tolist() == np.full((32, 32), PLAINS).tolist()


def test_sixteen_bits_are_read_as_eight_are_and_more_are_refused(tmp_path):
    grey = np.repeat(np.arange(0, 256, 8, dtype=np.uint8)[:, None], 32, 1)
    Image.fromarray(grey.astype(np.uint16) << 8).save(tmp_path / "deep.png")
    assert np.array_equal(map_from_image(tmp_path / "deep.png"), map_from_image(Image.fromarray(grey)))
    for kind in (np.float32, np.int32):
        Image.fromarray(grey.astype(kind)).save(tmp_path / "deep.tif")
        with pytest.raises(BadInput, match="of 8 or 16 bits"):
            map_from_image(tmp_path / "deep.tif")


def test_transparent_is_water():
    pixels = np.full((32, 32, 4), (60, 160, 60, 255), np.uint8)
    pixels[:, :16, 3] = 0
    assert map_from_image(pixels)[0, 15:17].tolist() == [WATER, PLAINS]


def test_transparent_is_water_however_a_file_says_it(tmp_path):
    levels = np.full((32, 32), 100, np.uint8)
    levels[:16] = 99
    colours = np.full((32, 32, 3), TERRAIN_COLOURS[PLAINS], np.uint8)  # exact ones: as an editor leaves them
    colours[:16] = TERRAIN_COLOURS[HIGHLAND]
    palette = Image.fromarray(colours).quantize(2)
    for image, clear in (
        (Image.fromarray(levels), 99),
        (Image.fromarray(levels.astype(np.uint16) * 257), 99 * 257),
        (Image.fromarray(colours), TERRAIN_COLOURS[HIGHLAND]),
        (palette, palette.getpixel((0, 0))),
    ):
        image.save(tmp_path / "map.png", transparency=clear)
        assert map_from_image(tmp_path / "map.png")[::31, 0].tolist() == [WATER, PLAINS]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_read_the_way_up_that_it_is_shown(tmp_path, orientation):
    terrain = np.arange(32 * 64).reshape(32, 64) % 7 % 4
    written = Image.Exif()
    written[ExifTags.Base.Orientation] = orientation
    for name, image in (
        ("exact.png", Image.fromarray(np.array(TERRAIN_COLOURS, np.uint8)[terrain])),
        ("deep.png", Image.fromarray(np.array([0, 100, 150, 250], np.uint16)[terrain] << 8)),
    ):
        image.save(tmp_path / name, exif=written)
        turned = Image.fromarray(terrain.astype(np.uint8))
        turned.getexif()[ExifTags.Base.Orientation] = orientation
        assert np.array_equal(map_from_image(tmp_path / name), ImageOps.exif_transpose(turned))


def test_colours_as_shares_of_1_are_refused():
    picture = stripes((30, 60, 200), (60, 160, 60))
    for colours in (picture / 255, (picture > 100).astype(np.float32), picture + 0.5):
        with pytest.raises(BadInput, match="are they shares of 1"):
            map_from_image(colours)
    assert np.array_equal(map_from_image(picture.astype(">i4")), map_from_image(picture))


def test_what_has_no_pixels_or_other_axes_is_refused_for_that():
    with pytest.raises(BadInput, match="with pixels in it, got 0 x 5"):
        map_from_image(Image.new("L", (0, 5)))
    for shape in ((3, 64, 32), (64, 32, 1)):
        with pytest.raises(BadInput, match=r"of shape \(height, width, 3 or 4\), got uint8 .*[)]$"):
            map_from_image(np.zeros(shape, np.uint8))


def test_an_array_of_terrain_is_not_resized():
    assert TerritoryEnv(map=np.ones((64, 32)), height=64, width=32, num_bots=2).params.height == 64
    with pytest.raises(BadInput, match="width=64, but the map has 32: leave it out"):
        TerritoryEnv(map=np.ones((64, 32)), height=64, width=64, num_bots=2)


def test_an_image_of_any_size_is_shrunk_to_the_sides_that_are_asked_for(tmp_path):
    Image.fromarray(stripes((30, 60, 200), (60, 160, 60), side=150)).save(tmp_path / "photo.jpg")
    env = TerritoryEnv(map=tmp_path / "photo.jpg", height=64, width=128, num_bots=2)
    terrain = env.world.terrain
    assert terrain.shape == (64, 128) and (terrain[:, :62] == WATER).all() and (terrain[:, 66:] == PLAINS).all()


@pytest.mark.parametrize(
    ("size", "sides", "said"),
    [
        ((300, 200), {}, "200 high and 300 wide: give height and width in tiles, height=96, width=128"),
        ((30, 30), {}, "height=32, width=32"),
        ((64, 64), {"height": 50}, "50 high and 64 wide"),
        ((2048, 2048), {}, "height=128, width=128"),
    ],
)
def test_sides_that_no_map_has_are_refused_with_some_that_fit(size, sides, said):
    with pytest.raises(BadInput, match=said):
        map_from_image(Image.new("RGB", size), **sides)


def test_what_is_no_image_is_refused(tmp_path):
    (tmp_path / "diary.png").write_text("Dear diary")
    for image, said in (
        (tmp_path / "nowhere.png", "no map at .*nowhere"),
        (tmp_path, "expected a map, got a folder"),
        (tmp_path / "diary.png", "which .* is not, or a damaged one"),
        (np.zeros((32, 32, 7)), "an image file, or whole numbers"),
        (3, "a map is an image"),
    ):
        with pytest.raises(BadInput, match=said):
            map_from_image(image)
    with pytest.raises(BadInput, match="a map is an array"):
        TerritoryEnv(map=np.zeros(5))


def test_an_image_with_too_little_land_is_refused():
    with pytest.raises(BadInput, match="land tiles to start on"):
        TerritoryEnv(map=np.full((32, 32, 3), (0, 0, 255), np.uint8))


def test_only_maps_are_saved_and_only_without_loss(tmp_path):
    with pytest.raises(BadInput, match=r"written as \.png"):
        save_map(np.zeros((32, 32)), tmp_path / "map.jpg")
    with pytest.raises(BadInput, match="3 mountain; got values 4 to 4"):
        save_map(np.full((32, 32), 4), tmp_path / "map.png")
    assert not list(tmp_path.iterdir())
