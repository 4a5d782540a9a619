"""The words of the synthetic plays, the most frequent of each kind first (see `play_grammar`)."""


def listed(words: str, separator: str | None = None) -> tuple[str, ...]:
    return tuple(words.split(separator))


WOMEN = listed("Marian Isolde Celeste Wenna Dorothea Quilla")
MEN = listed("Edmund Tobias Corin Jasper Gawain Lambert")

KINDS = ("tragedy", "comedy", "history", "romance")

PLACES = listed(
    "garden street forest hall tavern chapel meadow harbour kitchen tower orchard market "
    "cellar bridge mill churchyard"
)

ADJECTIVES = listed(
    """gentle golden silent bitter merry noble silver weary lonely ancient tender foolish crimson
    faithful hollow quiet cruel humble pale secret wicked happy winter broken honest idle bright
    frozen distant sleepy holy royal stubborn hungry little faded jealous burning careless velvet
    northern wandering crooked patient thirsty modest trembling drowsy forgotten western ragged
    solemn restless dusty generous melancholy"""
)

# Subjects and objects. Every plural ends in s.
NOUNS = listed(
    """lover soldier shepherd lark beggar river widow poet raven sailor shadow traveller mother
    daughter captain nightingale servant blossom brother candle monk falcon stranger cloud bell
    gardener willow judge lantern sister scholar swallow merchant lion messenger baker cousin
    fountain hunter drummer lily tailor dancer pilgrim miller cuckoo jester violet orphan weaver
    prince ghost"""
)

# Origins, after "of".
ORIGINS = listed(
    """summer Padua winter Cornwall midnight Lisbon April fortune Cordoba mercy Norway paradise
    Avignon memory Granada harvest Flanders envy"""
)

# Verbs with an object. Every form is regular: love, loves, lovest.
TRANSITIVES = listed(
    """love seek fear follow forget keep hold praise remember guard hide serve mourn leave bring
    know trust borrow break hear honour steal answer admire curse desire defend wound measure
    gather envy wake forgive promise mend abandon obey discover conquer banish pity ponder scorn
    invent polish"""
)

# Verbs with a preposition.
INTRANSITIVES = listed(
    """sing weep wait wander sleep kneel linger laugh tremble dream listen return whisper stand
    walk suffer rest dance stumble shiver sigh wonder labour vanish murmur rejoice"""
)

PREPOSITIONS = listed(
    """beneath before upon within beside without beyond above around behind below against amid
    near"""
)

ADVERBS = listed("never still often softly always gladly seldom sweetly boldly")

SUBJECT_DETERMINERS = listed("the my thy our your their no")
OBJECT_DETERMINERS = listed("the my thy our this that every some another")
LINKERS = listed("And But For While Though Till When Because Where As Since Or Yet")

# The last words of lines; the words of one row rhyme with each other.
RHYMES = tuple(
    listed(row)
    for row in (
        "night light sight knight might flight delight fight",
        "day way play clay bay fray holiday",
        "heart art part dart cart chart",
        "king ring spring wing string thing",
        "eye sky sigh cry lie lullaby",
        "face grace place embrace lace space",
        "hand land sand band strand command",
        "crown town gown frown clown",
        "sea tree bee plea key company",
        "name flame fame shame game dame",
        "rain chain pain grain plain lane",
        "tear year fear ear spear frontier",
        "stone throne bone moan",
        "moon noon tune spoon afternoon",
        "bed head bread thread",
        "fire choir lyre desire spire squire",
        "dream stream beam theme seam",
        "door shore floor war oar",
        "rose nose prose",
        "gold fold threshold hold",
        "song throng wrong",
        "wine vine sign shrine",
        "bell spell well shell farewell",
        "ghost coast host toast",
        "mind kind hind",
        "breath death",
        "dove glove love",
        "mouse house",
        "tower hour flower shower power",
        "fool school pool rule",
    )
)

WOMENS_GREETINGS = listed("Good|Sweet|My lady|Nay,|Dear|Gentle|Ah,|Peace,|Fair|Madam", "|")
MENS_GREETINGS = listed("Good|Sweet|My lord|Nay,|Dear|Noble|Ah,|Peace,|Brave|Master", "|")

# Remarks after a greeting; {sir} becomes "sir" or "madam".
REMARKS = (
    "thou speakest well.",
    "I hear thee.",
    "say no more.",
    "what news?",
    "I think not so.",
    "'tis the truth.",
    "I thank thee, {sir}.",
    "attend me now.",
    "be not so hasty!",
    "thy words are honey.",
    "I knew it yesterday.",
    "thou art mistaken, {sir}.",
    "lend me thy patience.",
    "we are not alone.",
    "speak lower; they hear us.",
    "this is but weather.",
    "who told thee that?",
    "I had it from the cook.",
    "as you please, {sir}.",
    "I have not slept.",
    "thy cup is half-empty.",
    "mark how the clock runs!",
    "I would it were otherwise.",
    "let me be plain, {sir}:",
    "how well you jest!",
    "give me thy hand on't.",
    "my purse says nothing.",
    "a kinder tongue were better.",
    "you make me laugh, {sir}.",
    "even the walls have heard.",
    "where is thy hat?",
    "'twas never my design.",
    "thou'rt pale; hast thou eaten?",
    "and if I will not, {sir}?",
    "the candle burns; be quick.",
    "there's no zeal in thee.",
)
