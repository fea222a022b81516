"""Invented customers and people. None of them is meant to be anybody."""

CUSTOMERS: tuple[tuple[str, str, str], ...] = (
    ("ASP", "Aspen Street Physiotherapy Ltd", "Auckland"),
    ("BRIGHT", "Brightwater Accounting Limited", "Nelson"),
    ("CANTER", "Canterbury Timber Frames Ltd", "Christchurch"),
    ("CEDAR", "Cedar & Vine Hospitality Group", "Queenstown"),
    ("COASTAL", "Coastal Marine Surveyors Ltd", "Tauranga"),
    ("DELTA", "Delta Freight Forwarding Limited", "Auckland"),
    ("EASTGATE", "Eastgate Veterinary Clinic", "Hamilton"),
    ("FERN", "Fernleaf Early Learning Trust", "Wellington"),
    ("GLEN", "Glenfield Dental Partners", "Auckland"),
    ("HARBOUR", "Harbour View Property Management Ltd", "Auckland"),
    ("IRON", "Ironbark Engineering Limited", "Dunedin"),
    ("KAURI", "Kauri Point Winery Limited", "Napier"),
    ("LANTERN", "Lantern Media Ltd", "Wellington"),
    ("MANUKA", "Manuka Health Supplies Ltd", "Rotorua"),
    ("NORTH", "Northern Lights Electrical Ltd", "Whangarei"),
    ("OAK", "Oakridge Financial Planning", "Auckland"),
    ("PACIFIC", "Pacific Crest Insurance Brokers", "Wellington"),
    ("QUARRY", "Quarry Hill Civil Limited", "Palmerston North"),
    ("RIVER", "Riverside Community Housing Trust", "Hamilton"),
    ("SUMMIT", "Summit Roofing and Cladding Ltd", "Christchurch"),
    ("TASMAN", "Tasman Bay Seafoods Limited", "Nelson"),
    ("UPPER", "Upper Hutt Motor Group", "Wellington"),
)
"""Code, name and city of customers with nothing special about them."""

GIVEN = (
    *("Aroha", "Ben", "Chloe", "Daniel", "Emma", "Finn", "Grace", "Hamish", "Isla", "Jack", "Kiri", "Liam", "Mia", "Noah", "Ola"),
    *("Priya", "Quinn", "Ruby", "Sam", "Tane", "Una", "Vic", "Wiremu", "Xavier", "Yasmin", "Zoe", "José", "Zoë", "Søren", "Anaïs"),
)
FAMILY = (
    *("Anderson", "Brown", "Chen", "Davies", "Edwards", "Fraser", "Graham", "Harris", "Ioane", "Jones", "King", "Lee", "Morgan"),
    *("Ngata", "O'Connor", "Patel", "Reid", "Singh", "Taylor", "Walker", "Young", "Müller", "Kowalski", "da Silva", "Nguyễn"),
)


def person(index: int) -> tuple[str, str]:
    """A given and a family name; the same index gives the same person."""
    return GIVEN[index % len(GIVEN)], FAMILY[(index // len(GIVEN) + index * 7) % len(FAMILY)]
