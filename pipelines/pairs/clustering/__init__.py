"""Puts the documents of a collection into clusters by what they are about, and names each by its words."""

from .documents import CLUSTER_THRESHOLD, cluster_documents
from .records import Cluster, Clusters

__all__ = ["CLUSTER_THRESHOLD", "Cluster", "Clusters", "cluster_documents"]
