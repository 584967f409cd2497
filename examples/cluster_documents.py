"""What are these sentences about? Puts them into clusters with labels, with the bundled encoder and without a network.

Usage: python examples/cluster_documents.py
"""

from bicross.pipelines import cluster_documents

SENTENCES = [
    "The guitar player tuned the strings of his guitar.",
    "She plays the guitar in a band.",
    "An old guitar needs new strings.",
    "The vaccine protects against the virus.",
    "After the vaccine the body knows the virus.",
    "A new vaccine was tested last year.",
    "The train was late because of the snow.",
]


def main() -> None:
    clusters = cluster_documents(SENTENCES, threshold=0.3)
    for cluster in clusters:
        print(f"{len(cluster)} sentences: {cluster.label}")
        print(f"  {cluster.medoid.text}")
    print(f"{len(clusters.unclustered)} of {clusters.documents} sentences are in no cluster")


if __name__ == "__main__":
    main()
