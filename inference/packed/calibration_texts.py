"""Texts from which int8 layers take the ranges of their inputs. A change of the wording changes int8 scores."""

CALIBRATION_PAIRS = [
    (
        "how do vaccines work",
        "A vaccine shows the immune system a harmless part of a germ. Cells that recognise it "
        "multiply, and some of them stay for years, so that a later infection is met sooner and more strongly.",
    ),
    (
        "Does vitamin D supplementation reduce fractures in older adults?",
        "In a randomised trial of 2,311 women over 65, "
        "2,000 IU of cholecalciferol a day did not change the rate of hip fracture "
        "(hazard ratio 1.04, 95% CI 0.87-1.25).",
    ),
    (
        "python read a csv file line by line",
        "def rows(path):\n    with open(path, newline='') as lines:\n        for row "
        "in csv.DictReader(lines):\n            yield {key.strip(): value for key, value in row.items()}",
    ),
    (
        "who built the old harbour bridge",
        "The bridge over the harbour was begun in 1887 under the engineer Maria Lund; "
        "it opened six years later, and carried trams until 1956, when buses took their place.",
    ),
    ("best pizza near me open late", "Cookies on this site: we use them to remember your basket! Click OK to go on."),
    (
        "IL-6 signalling in T cells",
        "Interleukin-6 binds to its receptor and gp130, activates JAK1/STAT3, and shifts naive "
        "CD4+ cells from regulatory T cells towards Th17; deletion of Stat3 in mice abolished this effect (p < 0.001).",
    ),
    (
        "error: cannot allocate memory",
        "If malloc returns NULL with ENOMEM, look at `ulimit -v`, at the overcommit setting "
        "and at the swap. A leak shows in RSS that grows with every request: run it "
        "under a heap profiler for 10 minutes.",
    ),
    ("rain", "It rained for eleven days, and on the twelfth the river left its bed."),
    (
        "what is the capital of the country with the most lakes",
        "Lakes cover a tenth of the land, more than anywhere else. "
        "Its capital lies on a river instead, between two provinces that speak different languages.",
    ),
    (
        "interest rate mortgage 30 years",
        "At 4.5 % a loan of 250,000 costs 1,266.71 a month over thirty years, in all "
        "456,016: nearly as much interest as principal. A rate of 3.5 % saves 144 a month.",
    ),
    ("Wie wird das Wetter morgen?", "Am Vormittag ist es neblig, später sonnig bei 12 bis 15 Grad; im Süden Gewitter."),
    ("où se trouve la bibliothèque", "La bibliothèque est ouverte du mardi au samedi, de 9 h à 18 h, près de la gare."),
    ("東京の天気", "明日は晴れ、最高気温は二十度でしょう。"),
    (
        "symptoms of iron deficiency",
        "Tiredness, pale skin, brittle nails, headaches, and a wish to chew ice. The doctor "
        "measures ferritin; below 30 ug/l the stores are empty. Causes: heavy periods, bleeding in the gut, poor diet.",
    ),
    (
        "history of the violin",
        "Violins took their form in northern Italy around 1550. Makers in Cremona chose spruce "
        "for the belly and maple for the back, and varnished them with recipes that no one wrote down.",
    ),
    ("the", "TABLE OF CONTENTS ... 1. Introduction .... 3 2. Methods .... 17 3. Results .... 45 Appendix A .... 112"),
    ("can dogs eat grapes", "No. Even a few grapes or raisins can harm a dog's kidneys; call a vet at once."),
    (
        "quantum entanglement explained",
        "Two particles share one state: whoever measures the first knows what the second "
        "will show, however far away it is. Nothing travels between them, and no message can be sent that way.",
    ),
    (
        "when was the treaty signed and by whom?",
        "Article 7. The parties shall, within ninety (90) days of ratification, "
        "notify the Secretary of any reservation; failing that, the provisions of Article 3(b) apply mutatis mutandis.",
    ),
    (
        "how to sort a dictionary by value",
        "SELECT name, COUNT(*) AS n FROM visits GROUP BY name ORDER BY n DESC LIMIT 10;",
    ),
    (
        "gene therapy sickle cell 2023",
        "https://example.org/news/2023/12/08/approval?id=42 - The first treatment that "
        "edits genes was approved for patients of twelve years and older with recurrent crises.",
    ),
    (
        "Is coffee good or bad for the heart",
        "Moderate drinkers (2-4 cups) had fewer strokes than abstainers in most "
        "cohorts; but those who drink much also smoke more, and it is hard to take the two apart. I'd say: enjoy it.",
    ),
    (
        "goalkeeper saved three penalties final",
        "3-2 after extra time! She dived left, left and right, and nobody in the "
        "stadium, not even her coach, believed what the scoreboard said.",
    ),
    (
        "benefits of bilateral agreements on fisheries",
        "Stocks of cod fell by 60% between 1970 and 1992. Quotas agreed by "
        "two states only moved the fleets; recovery began when breeding grounds were closed to all.",
    ),
]
"""Pairs of a query and a passage, of many kinds and lengths."""
