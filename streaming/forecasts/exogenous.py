"""Exogenous columns as they are now, for the features of the hour that is due."""

from __future__ import annotations

import pandas as pd
import structlog
from fsspec.implementations.webhdfs import WebHDFS

from conf.connections.hdfs import read_file
from conf.names import Namespace
from model.exogenous import ExogenousError, read_column, with_columns

log = structlog.get_logger(__name__)


class ExogenousColumns:
    """Reads the columns' files anew for each hour: they are small, and whoever writes them replaces them.

    A column whose file is not there or is no column is masked and said once; it never holds up an
    hour.

    Args:
        files: HDFS.
        namespace: whose columns.
    """

    def __init__(self, files: WebHDFS, namespace: Namespace) -> None:
        self._files = files
        self._namespace = namespace
        self._faults: dict[str, str] = {}

    def add_to(self, panel: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
        """Return the panel with the columns that a model asks for.

        Raises:
            OSError: if HDFS is away.
        """
        if not names:
            return panel
        found = {name: self._read(name) for name in names}
        return with_columns(panel, {name: one for name, one in found.items() if one is not None})

    def _read(self, name: str) -> pd.DataFrame | None:
        fault = ""
        try:
            return read_column(name, read_file(self._files, self._namespace.exogenous_file(name)))
        except FileNotFoundError:
            fault = "its file is not there"
        except ExogenousError as error:
            fault = str(error)
        if self._faults.get(name) != fault:
            self._faults[name] = fault
            log.warning("exogenous_column_masked", name=name, reason=fault)
        return None
