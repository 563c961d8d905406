"""Which category a resource belongs to: by its type, and by the codes of its `category`, most sensitive first.

Codes are HL7's observation-category, table 0074 of HL7 v2 (diagnostic services), what US Core adds, and `outcome` of
our own. A resource that could be of two categories is of the one that people are more likely to withhold.
"""

from collections.abc import Iterator
from typing import Final

from consent.adapters.fhir.resources import Resource, codings
from consent.domain.terms import Category

CATEGORY_BY_TYPE: Final = {
    "AdverseEvent": Category.CONDITIONS,
    "AllergyIntolerance": Category.CONDITIONS,
    "BodyStructure": Category.CONDITIONS,
    "CarePlan": Category.CARE_PLANS,
    "CareTeam": Category.CARE_PLANS,
    "ClinicalImpression": Category.ASSESSMENTS,
    "Communication": Category.NOTES,
    "CommunicationRequest": Category.NOTES,
    "Composition": Category.NOTES,
    "Condition": Category.CONDITIONS,
    "DetectedIssue": Category.ASSESSMENTS,
    "Device": Category.PROCEDURES,
    "DeviceRequest": Category.CARE_PLANS,
    "DeviceUseStatement": Category.PROCEDURES,
    "DocumentManifest": Category.NOTES,
    "DocumentReference": Category.NOTES,
    "Encounter": Category.ENCOUNTERS,
    "EpisodeOfCare": Category.ENCOUNTERS,
    "FamilyMemberHistory": Category.CONDITIONS,
    "Flag": Category.CONDITIONS,
    "Goal": Category.CARE_PLANS,
    "GuidanceResponse": Category.ASSESSMENTS,
    "ImagingStudy": Category.IMAGING,
    "Immunization": Category.MEDICATIONS,
    "ImmunizationEvaluation": Category.MEDICATIONS,
    "ImmunizationRecommendation": Category.MEDICATIONS,
    "List": Category.NOTES,
    "Media": Category.IMAGING,
    "MedicationAdministration": Category.MEDICATIONS,
    "MedicationDispense": Category.MEDICATIONS,
    "MedicationRequest": Category.MEDICATIONS,
    "MedicationStatement": Category.MEDICATIONS,
    "MolecularSequence": Category.GENOMICS,
    "NutritionOrder": Category.CARE_PLANS,
    "Patient": Category.DEMOGRAPHICS,
    "Procedure": Category.PROCEDURES,
    "QuestionnaireResponse": Category.SURVEYS,
    "RequestGroup": Category.CARE_PLANS,
    "RiskAssessment": Category.ASSESSMENTS,
    "ServiceRequest": Category.CARE_PLANS,
    "Specimen": Category.LABORATORY,
    "VisionPrescription": Category.CARE_PLANS,
}

BY_CODES_ALONE: Final = frozenset({"DiagnosticReport", "Observation"})
"""Types that say nothing by themselves; without a known code none is taken."""

CATEGORY_BY_CODE: Final = {
    # observation-category
    "activity": Category.SOCIAL_HISTORY,
    "exam": Category.ASSESSMENTS,
    "imaging": Category.IMAGING,
    "laboratory": Category.LABORATORY,
    "procedure": Category.PROCEDURES,
    "social-history": Category.SOCIAL_HISTORY,
    "survey": Category.SURVEYS,
    "therapy": Category.PROCEDURES,
    "vital-signs": Category.VITAL_SIGNS,
    # ours
    "outcome": Category.OUTCOMES,
    # US Core, and the LOINC parts by which it groups reports
    "clinical-test": Category.PROCEDURES,
    "cognitive-status": Category.SURVEYS,
    "disability-status": Category.SURVEYS,
    "functional-status": Category.SURVEYS,
    "sdoh": Category.SOCIAL_HISTORY,
    "LP29684-5": Category.IMAGING,
    "LP29708-2": Category.PROCEDURES,
    "LP7839-6": Category.LABORATORY,
    # genomics, as the Genomics Reporting guide and many servers spell it
    "genomics": Category.GENOMICS,
}

_DIAGNOSTIC_SERVICES: Final = {
    Category.GENOMICS: ("CG", "GE"),
    Category.IMAGING: ("CT", "CUS", "IMG", "NMR", "MR", "NMS", "OUS", "RAD", "RUS", "RX", "VUS", "XRC"),
    Category.LABORATORY: (
        "BG", "BLB", "CH", "CP", "HM", "IMM", "LAB", "MB", "MCB", "MYC", "OSL", "PAR", "SP", "SR", "TX", "VR",
    ),
    Category.MEDICATIONS: ("PHR",),
    Category.NOTES: ("NRS", "PHY"),
    Category.PROCEDURES: ("AU", "CTH", "EC", "EN", "OT", "PF", "PT", "RC", "RT"),
    Category.VITAL_SIGNS: ("ICU",),
}  # fmt: skip
CATEGORY_BY_SERVICE: Final = {code: home for home, codes in _DIAGNOSTIC_SERVICES.items() for code in codes}
"""Table 0074; `OTH` (other) says nothing."""

DIAGNOSTIC_SERVICE: Final = "0074"
"""What the table's system ends in, whether as a URL of HL7's or as an OID-like name; a code without a system counts."""

SENSITIVE_FIRST: Final = (
    Category.GENOMICS,
    Category.SOCIAL_HISTORY,
    Category.OUTCOMES,
    Category.NOTES,
    Category.SURVEYS,
    Category.ASSESSMENTS,
    Category.CONDITIONS,
    Category.CARE_PLANS,
    Category.IMAGING,
    Category.LABORATORY,
    Category.MEDICATIONS,
    Category.PROCEDURES,
    Category.ENCOUNTERS,
    Category.VITAL_SIGNS,
    Category.DEMOGRAPHICS,
)
_ANYWHERE: Final = frozenset({Category.GENOMICS, Category.SOCIAL_HISTORY})
"""Categories whose codes count on a resource of any type: a condition coded `sdoh` is social history."""

ADMINISTRATIVE: Final = frozenset(
    {
        # people and places that give care, and money
        "Account", "ChargeItem", "Claim", "ClaimResponse", "Contract", "Coverage", "CoverageEligibilityRequest",
        "CoverageEligibilityResponse", "Endpoint", "EnrollmentRequest", "EnrollmentResponse", "ExplanationOfBenefit",
        "HealthcareService", "InsurancePlan", "Invoice", "Location", "Organization", "OrganizationAffiliation",
        "PaymentNotice", "PaymentReconciliation", "Person", "Practitioner", "PractitionerRole", "RelatedPerson",
        # the course of work
        "Appointment", "AppointmentResponse", "AuditEvent", "Basic", "Binary", "Consent", "DeviceMetric", "Group",
        "Linkage", "MeasureReport", "MessageHeader", "OperationOutcome", "Parameters", "Provenance", "ResearchSubject",
        "Schedule", "Slot", "Subscription", "SubscriptionStatus", "SupplyDelivery", "SupplyRequest", "Task",
        "VerificationResult",
        # substances and products, which are nobody's
        "AdministrableProductDefinition", "BiologicallyDerivedProduct", "ClinicalUseDefinition", "DeviceDefinition",
        "Ingredient", "ManufacturedItemDefinition", "Medication", "MedicationKnowledge", "MedicinalProduct",
        "MedicinalProductAuthorization", "MedicinalProductContraindication", "MedicinalProductDefinition",
        "MedicinalProductIndication", "MedicinalProductIngredient", "MedicinalProductInteraction",
        "MedicinalProductManufactured", "MedicinalProductPackaged", "MedicinalProductPharmaceutical",
        "MedicinalProductUndesirableEffect", "NutritionProduct", "PackagedProductDefinition", "RegulatedAuthorization",
        "Substance", "SubstanceDefinition", "SubstanceNucleicAcid", "SubstancePolymer", "SubstanceProtein",
        "SubstanceReferenceInformation", "SubstanceSourceMaterial", "SubstanceSpecification",
        # definitions
        "ActivityDefinition", "CapabilityStatement", "CatalogEntry", "ChargeItemDefinition", "Citation", "CodeSystem",
        "CompartmentDefinition", "ConceptMap", "EffectEvidenceSynthesis", "EventDefinition", "Evidence",
        "EvidenceReport", "EvidenceVariable", "ExampleScenario", "GraphDefinition", "ImplementationGuide", "Library",
        "Measure", "MessageDefinition", "NamingSystem", "ObservationDefinition", "OperationDefinition",
        "PlanDefinition", "Questionnaire", "ResearchDefinition", "ResearchElementDefinition", "ResearchStudy",
        "RiskEvidenceSynthesis", "SearchParameter", "SpecimenDefinition", "StructureDefinition", "StructureMap",
        "SubscriptionTopic", "TerminologyCapabilities", "TestReport", "TestScript", "ValueSet",
    }
)  # fmt: skip
"""Types of R4 and R4B that are no record of one person's health: left out, and counted."""


def category(resource: Resource) -> Category | None:
    """Return the home of a valid resource; None when its codes name none."""
    coded = set(_coded(resource))
    resource_type = resource["resourceType"]
    possible = coded if resource_type in BY_CODES_ALONE else {CATEGORY_BY_TYPE[resource_type]} | (coded & _ANYWHERE)
    return min(possible, key=SENSITIVE_FIRST.index, default=None)


def _coded(resource: Resource) -> Iterator[Category]:
    """Yield what each code of `category` says, be it one CodeableConcept or a list of them."""
    found = resource.get("category")
    for concept in found if isinstance(found, list) else [found]:
        for system, code in codings(concept):
            if code in CATEGORY_BY_CODE:
                yield CATEGORY_BY_CODE[code]
            if code in CATEGORY_BY_SERVICE and (not system or system.endswith(DIAGNOSTIC_SERVICE)):
                yield CATEGORY_BY_SERVICE[code]
