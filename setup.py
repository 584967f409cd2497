"""Every folder with an ``__init__.py`` in the packages of this project is in the wheel: none is listed by hand."""

from setuptools import find_packages, setup

PACKAGES = ("bicross", "errors", "index", "inference", "models", "pipelines", "rerank", "retrieval", "training")


def name_of(package: str) -> str:
    """The name under which a folder is imported: ``index.files`` is ``bicross.index.files``."""
    return package if package == "bicross" else f"bicross.{package}"


folders = find_packages(include=[pattern for package in PACKAGES for pattern in (package, f"{package}.*")])
setup(
    packages=[name_of(package) for package in folders],
    package_dir={name_of(package): package for package in PACKAGES},
)
