"""Choosing where a billed line belongs: company → its contracts → its lines, or SKU → service. Before saving: what it would do."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from reconcile_app.core.errors import ReconcileError
from reconcile_app.core.mapping_rules import CustomerRule, LineRule, ProductRule
from reconcile_app.ui.controller import Controller
from reconcile_app.ui.dialogs import plain_label
from reconcile_app.ui.messages import join, locale_numbers, plural
from reconcile_app.ui.theme import Theme
from reconcile_app.ui.views.choices import Choice, ChoiceList, company_choices, contract_choices, line_choices, service_choices
from reconcile_app.ui.views.fittings import button, muted_label, page_title, row_of, tab_through

if TYPE_CHECKING:
    from reconcile_app.services.desk import RuleEffect

Rule = CustomerRule | ProductRule | LineRule
_READINGS = ("effect", "companies", "contracts", "lines", "services")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is to be mapped. Ids are what is known so far, to start from."""

    customer_code: str = ""
    customer_name: str = ""
    sku: str = ""
    description: str = ""
    company_id: str = ""
    contract_id: str = ""
    target_id: str = ""


def effect_words(effect: RuleEffect) -> str:
    """What a rule would do, in words."""
    lost = f"{plural(effect.lost, 'line')} would lose theirs" if effect.lost else "none lost"
    left = f"{plural(effect.left, 'line')} still without a target" if effect.left else "none left without a target"
    return f"Effect: {plural(effect.matched, 'billed line')} newly matched · {lost} · {left}."


class _RuleDialog(QDialog):
    """What both dialogs share: heading, effect text, Save.

    Signals:
        other_way: the operator wants to map the SKU the other way (``product`` or ``line``).
    """

    other_way = Signal(str)

    def __init__(self, controller: Controller, title: str, explained: str, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self._controller = controller
        self.effect = plain_label(wrap=True)
        # a walk through the list with the arrow keys is judged once, where it ends
        self._effect_timer = QTimer(self)
        self._effect_timer.setSingleShot(True)
        self._effect_timer.setInterval(120)
        self._effect_timer.timeout.connect(self._tell_effect)
        self.save = button("Save mapping", self.accept, kind="primary")
        self.save.setDefault(True)
        self.save.setEnabled(False)
        self._cancel = button("Cancel", self.reject)
        self._foot = row_of(None, self._cancel, self.save)
        self._lists = QHBoxLayout()
        self._lists.setSpacing(14)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(22, 18, 22, 16)
        layout.setSpacing(10)
        layout.addWidget(page_title(title))
        layout.addWidget(muted_label(explained, wrap=True))
        layout.addLayout(self._lists, 1)
        layout.addWidget(self.effect)
        layout.addLayout(self._foot)

    def _show_lists(self, lists: Sequence[ChoiceList], other_way: str, way: str) -> None:
        """Put the steps side by side, and the other way of mapping (if there is one) below them."""
        for place, part in enumerate(lists):
            self._lists.addWidget(part, 4 if place == 0 else 3)
        fields = [field for part in lists for field in (part.search, part.view)]
        if other_way:
            other = button(other_way, lambda: self.other_way.emit(way), kind="quiet")
            self._foot.insertWidget(0, other)
            tab_through(*fields, other, self._cancel, self.save)
        else:
            tab_through(*fields, self._cancel, self.save)

    @property
    def rule(self) -> Rule | None:
        """The rule as chosen so far; None while something is missing."""
        return None

    def _judge(self) -> None:
        rule = self.rule
        self.save.setEnabled(rule is not None)
        self.effect.setText("Effect: …" if rule is not None else "Nothing is saved yet.")
        self._effect_timer.start()

    def _tell_effect(self) -> None:
        rule = self.rule
        self._controller.tasks.cancel(self._task("effect"))
        if rule is not None:
            self._controller.tasks.start(self._read_effect(rule), self._task("effect"))

    async def _read_effect(self, rule: Rule) -> None:
        try:
            self.effect.setText(effect_words(await self._controller.effect(rule)))
        except ReconcileError as error:
            self.effect.setText(f"The effect is not known: {error.reason}")

    def _task(self, what: str) -> str:
        return f"choose {what} {id(self)}"

    def done(self, code: int) -> None:
        """Close; nothing is read for it any longer."""
        self._effect_timer.stop()
        for what in _READINGS:
            self._controller.tasks.cancel(self._task(what))
        super().done(code)

    def _accept_choice(self, _choice: object) -> None:
        if self.rule is not None:
            self.accept()


class ChoiceDialog(_RuleDialog):
    """Company → its contracts → its lines. ``deep`` is how many steps: 2 maps a customer, 3 maps one customer's SKU to a line."""

    def __init__(self, controller: Controller, theme: Theme, subject: Subject, *, deep: int, parent: QWidget | None = None) -> None:
        word = controller.vocabulary
        name = subject.customer_name or subject.customer_code
        what = f"{name} ({subject.customer_code})"
        if deep == 3:
            what = f"“{subject.description or subject.sku}” (SKU {subject.sku}) of {name}"
        wanted = word("line") if deep == 3 else word("company")
        super().__init__(controller, f"Which {wanted} is {what}?", self._explanation(word("contract"), deep), parent)
        self._subject, self._deep = subject, deep
        self.companies = ChoiceList(theme, f"1  {word('company').capitalize()}", f"Search {word('company')}", "Why, id")
        self.contracts = ChoiceList(theme, f"2  {word('contract').capitalize()}", f"Search {word('contract')}", "Id, dates")
        self.lines = ChoiceList(theme, f"3  {word('line').capitalize()}", f"Search {word('line')}", "Id, quantity, price")
        self.companies.chosen.connect(self._company_chosen)
        self.contracts.chosen.connect(self._contract_chosen)
        self.lines.chosen.connect(lambda _choice: self._judge())
        self.companies.accepted.connect(lambda _choice: self.contracts.start_focus())
        self.contracts.accepted.connect(self._accept_choice if deep == 2 else lambda _choice: self.lines.start_focus())
        self.lines.accepted.connect(self._accept_choice)
        self._show_lists((self.companies, self.contracts, self.lines)[:deep],
                         f"The same {word('service')} for every customer…" if deep == 3 else "", "product")
        width = self.fontMetrics().averageCharWidth()
        self.resize(width * (130 if deep == 2 else 168), 560)
        self._judge()
        self.companies.say("Reading…")
        controller.tasks.start(self._load_companies(), self._task("companies"))

    @staticmethod
    def _explanation(contract: str, deep: int) -> str:
        if deep == 3:
            return f"The choice holds for this customer and SKU only. It is kept by id: renaming the {contract} does not break it."
        return (f"Leave the {contract} to the program where there is only one in force; choose it where there are several. "
                "The choice is kept by id: renaming does not break it.")

    async def _load_companies(self) -> None:
        try:
            frame = await self._controller.companies()
        except ReconcileError as error:
            self.companies.say(f"× Could not be read. {error.reason} {error.next_step}")
            return
        suggestions = await self._controller.suggest_companies(self._subject.customer_code, frame)
        self.companies.offer(company_choices(frame, suggestions), self._subject.company_id, first=bool(suggestions))
        self.companies.start_focus()

    def _company_chosen(self, choice: Choice | None) -> None:
        self.contracts.clear()
        self.lines.clear()
        self._controller.tasks.cancel(self._task("contracts"))
        self._controller.tasks.cancel(self._task("lines"))
        if choice is not None:
            self.contracts.say("Reading…")
            self._controller.tasks.start(self._load_contracts(choice.id), self._task("contracts"))
        self._judge()

    async def _load_contracts(self, company_id: str) -> None:
        # going through the list with the arrow keys must not ask the PSA at every step
        await asyncio.sleep(0.15)
        try:
            frame = await self._controller.contracts_of(company_id)
        except ReconcileError as error:
            self.contracts.say(f"× Could not be read. {error.reason} {error.next_step}")
            return
        word = self._controller.vocabulary("contract")
        choices = contract_choices(frame, self._controller.today, "The one in force" if self._deep == 2 else "")
        self.contracts.offer(choices, self._subject.contract_id, first=True)
        if not choices:
            self.contracts.say(f"This {self._controller.vocabulary('company')} has no {word} of the wanted kind.")

    def _contract_chosen(self, choice: Choice | None) -> None:
        self.lines.clear()
        self._controller.tasks.cancel(self._task("lines"))
        if choice is not None and self._deep == 3:
            self.lines.say("Reading…")
            self._controller.tasks.start(self._load_lines(choice.id), self._task("lines"))
        self._judge()

    async def _load_lines(self, contract_id: str) -> None:
        await asyncio.sleep(0.15)
        try:
            frame = await self._controller.lines_of(contract_id)
        except ReconcileError as error:
            self.lines.say(f"× Could not be read. {error.reason} {error.next_step}")
            return
        choices = line_choices(frame, locale_numbers())
        self.lines.offer(choices, self._subject.target_id, first=False)
        if not choices:
            self.lines.say(f"No {self._controller.vocabulary('line')} on it.")

    @property
    def rule(self) -> Rule | None:
        """The customer rule or line rule as chosen so far."""
        company, contract, line = self.companies.choice, self.contracts.choice, self.lines.choice
        if company is None or contract is None:
            return None
        if self._deep == 2:
            return CustomerRule(customer_code=self._subject.customer_code, company_id=company.id, contract_id=contract.id)
        if line is None:
            return None
        return LineRule(customer_code=self._subject.customer_code, sku=self._subject.sku, contract_id=contract.id, line_id=line.id)


class ServiceDialog(_RuleDialog):
    """Which service a SKU means, for every customer."""

    def __init__(self, controller: Controller, theme: Theme, subject: Subject, parent: QWidget | None = None) -> None:
        word = controller.vocabulary("service")
        super().__init__(controller, f"Which {word} is SKU {subject.sku}?",
                         join([subject.description, "the choice holds for every customer and is kept by id"]), parent)
        self._subject = subject
        self.services = ChoiceList(theme, word.capitalize(), f"Search {word}", "Why, id, description")
        self.services.chosen.connect(lambda _choice: self._judge())
        self.services.accepted.connect(self._accept_choice)
        name = subject.customer_name or subject.customer_code
        self._show_lists([self.services], f"Only for {name}: choose a {controller.vocabulary('line')}…" if name else "", "line")
        self.resize(self.fontMetrics().averageCharWidth() * 110, 540)
        self._judge()
        self.services.say("Reading…")
        controller.tasks.start(self._load_services(), self._task("services"))

    async def _load_services(self) -> None:
        suggestions = await self._controller.suggest_services(self._subject.sku)
        choices = service_choices(self._controller.services(), suggestions, "None, not invoiced there")
        self.services.offer(choices, self._subject.target_id, first=bool(suggestions))
        self.services.start_focus()

    @property
    def rule(self) -> Rule | None:
        """The product rule as chosen so far."""
        choice = self.services.choice
        return None if choice is None else ProductRule(sku=self._subject.sku, service_id=choice.id)
