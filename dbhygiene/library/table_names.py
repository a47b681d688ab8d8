"""`stays_small`, `grows`: names of tables that stay small, and of tables that grow as long as a program runs.

grows("access_log")                  # true
stays_small("order_status")          # true
"""

from __future__ import annotations

import re

from dbhygiene.library.words import words

# Words of which one is the last in the name of a table that stays small, in the singular: settings, migrations,
# enumerations, and whatever a person enters once for all.
_SMALL = words(
    """
    setting config configuration conf option preference parameter param property flag feature constant variable env
    migration version revision schema
    type kind category subcategory status state enum lookup code dictionary choice mode level priority severity stage
    phase grade rank tier plan pricing rate role permission privilege scope policy rule right method purpose reason
    origin field attribute catalog catalogue
    country continent region province prefecture county district city zone timezone language lang locale currency unit
    day weekday month year quarter season shift slot holiday
    genre topic section menu page banner slide template layout theme color colour size brand department dept division
    branch office faculty school college course semester subject class classroom room floor building warehouse location
    server host node worker instance queue channel provider vendor supplier store shop company source backend plugin
    module extension connector driver
    tenant organization organisation org team group site domain app application service integration
    webhook endpoint route proxy model metadata meta counter sequence lock heartbeat summary total stat
    schedule scheduler cronjob token credential secret apikey whitelist blacklist allowlist blocklist denylist guild
    admin administrator moderator staff manager salesman dashboard widget icon form bot faq content gateway
    function achievement badge tariff fee
    tipo categoria estado rol permiso modulo catalogo pais ciudad provincia sucursal
    """
)
# Words that say so wherever they stand.
_ANYWHERE = words("setting config configuration migration lookup enum alembic")
# Words that say that a table grows with the use of the program, as the last in its name: people, what they make and
# order, and what happens.
_GROWING = words(
    """
    user customer client member patient student person people contact subscriber employee participant attendee guest
    visitor passenger applicant candidate player follower friend lead device vehicle
    product item article post page message comment reply thread conversation chat email mail sms notification alert
    alarm document file attachment upload download image photo picture video song track movie book chapter word
    question answer submission exam prescription diagnosis treatment specimen sample listing tweet feed url link
    order sale invoice bill payment transaction transfer deposit withdrawal refund expense purchase quote contract
    shipment delivery package booking reservation appointment ticket enrollment attendance cart basket wishlist
    voucher trade price tick candle balance movement inventory stock batch trip ride flight game
    log event record entry reading measurement metric reminder audit trace error exception incident issue bug request
    response search query click impression hit visit session history result score vote like rating review feedback
    favorite bookmark report snapshot execution run job task todo crawl commit build deployment data datum
    usuario cliente producto produto venta pedido factura compra pago movimiento mensaje registro
    kunde bestellung rechnung utilisateur produit commande facture
    """
)
# Words at the end of a name that say nothing of its rows.
_EMPTY = words("view table tbl tab detail info list master all dump copy new old")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def stays_small(table: str) -> bool:
    """Whether the name of a table or of its class says that the table has few rows: `order_status`, `SiteConfig`."""
    parts = _parts(table)
    return bool(parts) and (parts[-1] in _SMALL or not _ANYWHERE.isdisjoint(parts))


def grows(table: str) -> bool:
    """Whether the name of a table or of its class says that the table grows: `access_log`, `Customer`, `user_info`."""
    return not _GROWING.isdisjoint(_parts(table)[-1:])


def _parts(name: str) -> list[str]:
    parts = [_singular(part.lower()) for part in _PARTS.findall(name)]
    while parts[1:] and (parts[-1] in _EMPTY or parts[-1].isdigit()):
        parts.pop()
    return parts


def _singular(word: str) -> str:
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    if word.endswith(("sses", "xes", "ches", "shes", "uses")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us")) else word
